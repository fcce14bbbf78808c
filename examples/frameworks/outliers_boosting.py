"""Boost trees with losses that the libraries do not have, on data with outliers."""

import lightgbm
import numpy as np
import xgboost

import multiloss as ml
from multiloss.boosting import metric, objective

rng = np.random.default_rng(0)
data = rng.uniform(-3, 3, size=(400, 1))
clean = np.sin(data[:, 0])
truth = clean + np.where(rng.random(400) < 0.1, 20.0, 0.1) * rng.normal(size=400)

print("loss            XGBoost  LightGBM   (distance from the curve without outliers)")
for loss in ("sse", "huber(delta=0.5)", "cauchy(scale=0.5)"):
    by_xgboost = xgboost.XGBRegressor(
        n_estimators=40, max_depth=3, objective=objective(loss), eval_metric=metric("mae")
    ).fit(data, truth)
    by_lightgbm = lightgbm.LGBMRegressor(n_estimators=40, verbose=-1, objective=objective(loss))
    by_lightgbm.fit(data, truth)
    predictions = (
        by_xgboost.predict(data),
        by_lightgbm.booster_.predict(data, raw_score=True),
    )
    distances = [ml.mae(each, clean) for each in predictions]
    print(f"{loss:18} {distances[0]:.3f}     {distances[1]:.3f}")
