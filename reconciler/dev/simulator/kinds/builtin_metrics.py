"""The metric definitions the service injects for its own images (SM-40): noise a drift check must ignore."""

from typing import Final

from reconciler.dev.simulator.store import Answer

_NUMBER: Final = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"
_XGBOOST = ("auc", "error", "logloss", "mae", "map", "merror", "mlogloss", "ndcg", "rmse")

_NAMES: dict[str, tuple[str, ...]] = {
    # Recorded: eighteen for xgboost:1. The others are fewer, and stand for all first-party images.
    "xgboost": tuple(f"{channel}:{metric}" for channel in ("train", "validation") for metric in _XGBOOST),
    "linear-learner": ("train:objective_loss", "validation:objective_loss"),
    "kmeans": ("train:msd", "test:msd"),
    "knn": ("train:rmse", "test:accuracy"),
    "image-classification": ("train:accuracy", "validation:accuracy"),
    "blazingtext": ("train:mean_rho", "validation:accuracy"),
}


def metric_definitions(image: str) -> list[Answer]:
    """By the last part of the repository: `<account>.dkr.ecr.<region>.<suffix>/xgboost:1`."""
    repository = image.rpartition("/")[2].partition(":")[0].partition("@")[0]
    return [{"Name": name, "Regex": rf".*{name.replace(':', '-')}:{_NUMBER}.*"} for name in _NAMES.get(repository, ())]
