"""What a kind declares about its custom resource: names, columns, status, and how it differs from the API's own model.

The table holds differences alone. Fields, types, limits and texts come from botocore's service model, so a newer SageMaker
field costs a dependency bump; a difference whose path the model no longer has is an error when the tree is built.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from reconciler.core.schema.rules import Rule
from reconciler.core.schema.shapes import Field, Structure

__all__ = ["CLOSED_ENUMS", "SECRET_MEMBERS", "ApiDifference", "Column", "Nested", "Schema", "Source"]


@dataclass(frozen=True)
class Source:
    """An API operation whose input the spec takes its fields from."""

    operation: str
    service: str = "sagemaker"


@dataclass(frozen=True)
class ApiDifference:
    """How one member, named by its dotted API path, differs in the resource. None: as the model has it."""

    path: str
    leave_out: bool = False
    key: str | None = None
    aliases: tuple[str, ...] = ()
    required: bool | None = None
    reference: str = ""
    """A `...Ref` that names another object may stand here instead: one of a kind that gives this (`Kind.gives`)."""
    supplied: bool = False
    """Optional here because the controller fills it in; empty means not given."""
    digest: bool = True
    name_value: bool = False
    """The API has a list of Name and Value here; the resource treats it like a map."""
    tags: bool = False
    """The API has a map here; the resource writes it as tags are written everywhere else, `{key, value}`."""
    open: bool = False
    """No pattern and no enum: the value does not mean here what it means in the API."""
    minimum: float | None = None
    maximum: float | None = None
    min_length: int | None = None
    max_length: int | None = None
    min_items: int | None = None
    max_items: int | None = None


@dataclass(frozen=True)
class Nested:
    """A list in the resource whose items are the input of another operation (a HostingDeployment's models)."""

    field: Field
    """The list itself; its shape is replaced by the list of items."""
    source: Source
    differences: tuple[ApiDifference, ...] = ()
    added: tuple[Field, ...] = ()
    max_items: int | None = None


@dataclass(frozen=True)
class Column:
    """Of `kubectl get`; `path` is a JSONPath."""

    name: str
    path: str
    type: str = "string"
    format: str | None = None
    wide: bool = False
    """Shown by `kubectl get -o wide` alone."""


@dataclass(frozen=True)
class Schema:
    """Everything about a kind that is not in the service model."""

    kind: str
    plural: str
    doc: str
    columns: tuple[Column, ...]
    status: Structure
    group: str = "sagemaker.aws.amazon.com"
    version: str = "v1"
    short_names: tuple[str, ...] = ()
    sources: tuple[Source, ...] = ()
    differences: tuple[ApiDifference, ...] = ()
    nested: tuple[Nested, ...] = ()
    added: tuple[Field, ...] = ()
    references: tuple[tuple[str, str, str], ...] = ()
    """Of lists of structures that are declared by hand: (key of the list, member that a `...Ref` may stand for, what is wanted of
    the other object).
    """
    rules: tuple[tuple[str, tuple[Rule, ...]], ...] = ()
    """Rules by the dotted path of resource keys of the structure they are about."""
    moved: tuple[tuple[str, str], ...] = ()
    """Keys that the spec had before the archived operator's v1, and where to say that now."""
    spec: Structure | None = None
    """The whole spec, of a kind that no API operation describes."""
    categories: tuple[str, ...] = field(default=("sagemaker", "ml"))

    @property
    def singular(self) -> str:
        """As `kubectl get` takes it."""
        return self.kind.lower()

    @property
    def api_version(self) -> str:
        """Group and version."""
        return f"{self.group}/{self.version}"

    @property
    def crd_name(self) -> str:
        """Of the CustomResourceDefinition."""
        return f"{self.plural}.{self.group}"


CLOSED_ENUMS = frozenset(
    {
        # A set is closed where SageMaker has kept it for years and refuses anything else. Instance types, strategies, AMI
        # versions, languages and the like grow between our releases and stay open.
        "AdjustmentType",
        "AssemblyType",
        "AsyncNotificationTopicTypes",
        "AthenaResultCompressionType",
        "AthenaResultFormat",
        "BatchStrategy",
        "CapacitySizeType",
        "CaptureMode",
        "CompleteOnConvergence",
        "CompressionType",
        "ContainerMode",
        "DataDistributionType",
        "FileSystemAccessMode",
        "FileSystemType",
        "HyperParameterScalingType",
        "HyperParameterTuningJobObjectiveType",
        "HyperParameterTuningJobWarmStartType",
        "InferenceExecutionMode",
        "InputMode",
        "JoinSource",
        "ManagedInstanceScalingStatus",
        "MetricAggregationType",
        "MetricStatistic",
        "ModelCacheSetting",
        "ModelCompressionType",
        "OutputCompressionType",
        "PolicyType",
        "PredictiveScalingMaxCapacityBreachBehavior",
        "PredictiveScalingMode",
        "ProcessingS3CompressionType",
        "ProcessingS3DataDistributionType",
        "ProcessingS3DataType",
        "ProcessingS3InputMode",
        "ProcessingS3UploadMode",
        "RecordWrapper",
        "RedshiftResultCompressionType",
        "RedshiftResultFormat",
        "RepositoryAccessMode",
        "S3DataDistribution",
        "S3DataType",
        "S3ModelDataType",
        "SplitType",
        "TrafficRoutingConfigType",
        "TrainingInputMode",
        "TrainingJobEarlyStoppingType",
        "TrainingRepositoryAccessMode",
        "VariantPropertyType",
    }
)

SECRET_MEMBERS = frozenset({"Environment", "HyperParameters", "StaticHyperParameters"})
"""API members whose values may hold secrets wherever they occur (D-14.11)."""
