"""What may be set differently from run to run: durations, unverified behaviour, quotas. `POST /_sim/settings` merges."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

DURATIONS: dict[str, float] = {
    # The recorded run (SM-36), rounded.
    "training.Pending": 60,
    "training.Starting": 180,
    "training.Downloading": 50,
    "training.Training": 100,
    "training.Interrupted": 60,
    "training.Uploading": 7,
    "training.stop": 30,
    "training.rules": 60,
    "transform.Starting": 180,
    "transform.Transforming": 100,
    "transform.stop": 30,
    "processing.Starting": 180,
    "processing.Processing": 100,
    "processing.stop": 30,
    # The training jobs take the time of a tuning job: these are the moments between them.
    "tuning.launch": 5,
    "tuning.stop": 5,
    "tuning.Deleting": 10,
    # Facts 9; activation and termination are short but long enough to be seen.
    "endpoint.Creating": 300,
    "endpoint.launch": 240,
    "endpoint.activate": 10,
    "endpoint.terminate": 30,
    "endpoint.rollback": 60,
    "endpoint.weights": 20,
    "endpoint.capacity": 60,
    "endpoint.Deleting": 60,
    "endpoint.alarm_poll": 10,
}
"""Virtual seconds by step."""

SWITCHES: dict[str, bool] = {
    # Facts 10: seen by some and not by others, or never seen. A client must get along with either.
    "config_needs_model": True,
    "same_config_update_refused": True,
    "lost_config_breaks_update": True,
    "rolling_back_shown": True,
    "model_data_source_beside_url": False,
    "profiler_noise": True,
    "scaling_type_filled_in": True,
    "tuning_resources_as_resource_config": True,
}


@dataclass
class SimulatorSettings:
    durations: dict[str, float] = field(default_factory=lambda: dict(DURATIONS))
    switches: dict[str, bool] = field(default_factory=lambda: dict(SWITCHES))
    quotas: dict[str, int] = field(default_factory=dict)
    """Instances by quota name, such as `ml.p3.2xlarge for training job usage`; what is not named has no limit."""

    missing: list[str] = field(default_factory=list)
    """Globs on role ARNs, images and S3 URIs that do not exist; whatever else is well-formed does (`premises.py`)."""
    instance_types: list[str] = field(default_factory=list)
    """Such as are newer than botocore's lists (PY-5); any other that these do not know is refused."""

    def merge(self, raw: Mapping[str, Any]) -> None:
        """Raises ValueError on a name nobody reads. Lists replace what was there."""
        if unknown := set(raw) - {named.name for named in fields(self)}:
            raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
        for group, known in (("durations", DURATIONS), ("switches", SWITCHES)):
            if unknown := set(raw.get(group, {})) - set(known):
                raise ValueError(f"unknown {group}: {', '.join(sorted(unknown))}")
        self.durations.update(raw.get("durations", {}))
        self.switches.update(raw.get("switches", {}))
        self.quotas.update(raw.get("quotas", {}))
        self.missing = [str(glob) for glob in raw.get("missing", self.missing)]
        self.instance_types = [str(name) for name in raw.get("instance_types", self.instance_types)]
