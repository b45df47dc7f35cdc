"""The metric definitions the service injects for its own images (SM-40): noise a drift check must ignore."""

from typing import Final

from reconciler.dev.simulator.store import Answer

_NUMBER: Final = r"([-+]?[0-9]*\.?[0-9]+(?:[eE][-+]?[0-9]+)?)"
_XGBOOST = tuple(
    f"{channel}:{metric}"
    for channel in ("train", "validation")
    for metric in ("auc", "error", "logloss", "mae", "map", "merror", "mlogloss", "ndcg", "rmse")
)
"""Recorded for xgboost:1, eighteen. The others are those that the page of each algorithm names for tuning."""

_NAMES: dict[str, tuple[str, ...]] = {
    "xgboost": _XGBOOST,
    "sagemaker-xgboost": _XGBOOST,
    "linear-learner": ("train:objective_loss", "validation:objective_loss"),
    "kmeans": ("train:msd", "test:msd"),
    "knn": ("train:rmse", "test:accuracy"),
    "factorization-machines": ("train:binary_classification_cross_entropy", "test:binary_classification_accuracy"),
    "forecasting-deepar": ("train:final_loss", "test:RMSE", "test:mean_wQuantileLoss"),
    "image-classification": ("train:accuracy", "validation:accuracy"),
    "object-detection": ("train:cross_entropy", "validation:mAP"),
    "semantic-segmentation": ("validation:mIOU", "validation:pixel_accuracy"),
    "blazingtext": ("train:mean_rho", "validation:accuracy"),
    "seq2seq": ("validation:accuracy", "validation:bleu", "validation:perplexity"),
    "ipinsights": ("validation:discriminator_auc",),
    "lda": ("test:pwll",),
    "ntm": ("validation:total_loss",),
    "object2vec": ("validation:cross_entropy", "validation:accuracy"),
    "randomcutforest": ("test:f1",),
}


def metric_definitions(image: str) -> list[Answer]:
    """By the last part of the repository: `<account>.dkr.ecr.<region>.<suffix>/sagemaker-xgboost:1.7-1`."""
    repository = image.rpartition("/")[2].partition(":")[0].partition("@")[0]
    return [{"Name": name, "Regex": rf".*{name.replace(':', '-')}:{_NUMBER}.*"} for name in _NAMES.get(repository, ())]
