"""Which regions there are: those where botocore knows SageMaker, in any partition (SM-182)."""

from functools import cache

import botocore.session

from reconciler.dev.simulator.errors import unknown_region


@cache
def known_regions() -> frozenset[str]:
    session = botocore.session.get_session()
    partitions = session.get_available_partitions()
    return frozenset(
        region for partition in partitions for region in session.get_available_regions("sagemaker", partition)
    )


def check_region(region: str) -> None:
    """Raises ApiError: where AWS has no such region there is no host, and here only the signature tells.

    `aws-global` and its like are what botocore signs for when STS is asked without a region.
    """
    if region not in known_regions() and not region.endswith("-global"):
        raise unknown_region()
