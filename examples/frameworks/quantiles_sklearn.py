"""Choose a regularization by the quantile that is asked for, with scikit-learn."""

import numpy as np
from sklearn.linear_model import QuantileRegressor
from sklearn.model_selection import GridSearchCV

from multiloss.sklearn import make_scorer

rng = np.random.default_rng(0)
data = rng.normal(size=(200, 5))
truth = data[:, 0] + rng.exponential(size=200)

print("quantile  alpha  loss")
for q in (0.1, 0.5, 0.9):
    search = GridSearchCV(
        QuantileRegressor(quantile=q, solver="highs"),
        {"alpha": [0.0, 0.01, 0.1, 1.0]},
        scoring=make_scorer("pinball", q=q),
        cv=5,
    ).fit(data, truth)
    print(f"{q:8.1f}  {search.best_params_['alpha']:5}  {-search.best_score_:.4f}")
