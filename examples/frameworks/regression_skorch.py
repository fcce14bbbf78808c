"""Search over losses themselves with skorch, as over any hyperparameter."""

import numpy as np
from sklearn.model_selection import GridSearchCV
from skorch import NeuralNetRegressor
from torch import nn

from multiloss.sklearn import make_scorer
from multiloss.torch import HuberLoss, L1Loss, MSELoss

rng = np.random.default_rng(0)
data = rng.normal(size=(200, 3)).astype("float32")
truth = (data @ [[1.0], [-2.0], [0.5]]).astype("float32")
truth[::10] += 30.0  # outliers

model = NeuralNetRegressor(nn.Linear(3, 1), max_epochs=20, lr=0.1, verbose=0, train_split=None)
search = GridSearchCV(
    model,
    {"criterion": [MSELoss, L1Loss, HuberLoss]},
    scoring=make_scorer("mae"),
    cv=3,
).fit(data, truth)
for criterion, score in zip(
    search.cv_results_["param_criterion"], search.cv_results_["mean_test_score"], strict=True
):
    print(f"{criterion.__name__:10} mean absolute error {-score:.3f}")
print(f"best: {search.best_params_['criterion'].__name__}")
