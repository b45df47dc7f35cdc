"""TrainingJob: one SageMaker training job per content."""

from __future__ import annotations

from reconciler.core.rules import AtLeastOne, AtMostOne, ExactlyOne, at
from reconciler.core.schema import Column, Difference, Schema, Source
from reconciler.core.status_schema import RUNS, many, record, status, string, time
from reconciler.kinds.shared import ADDED_COLUMNS, CREATION_TIME, ROOT, TAGS

SCHEMA = Schema(
    kind="TrainingJob",
    plural="trainingjobs",
    doc="A SageMaker training job; it runs once per content.",
    columns=(
        Column("Status", ".status.trainingJobStatus"),
        Column("Secondary-Status", ".status.secondaryStatus"),
        CREATION_TIME,
        Column("Sagemaker-Job-Name", ".status.sageMakerTrainingJobName"),
        *ADDED_COLUMNS,
    ),
    sources=(Source("CreateTrainingJob"),),
    differences=(
        TAGS,
        Difference("TrainingJobName", required=False, min_length=0),
        # The archived operator read the hook's parameters under the rules' key; users' manifests have both.
        Difference("DebugHookConfig.HookParameters", key="ruleParameters", aliases=("hookParameters",)),
        # What only Describe fills in.
        Difference("ResourceConfig.SelectedInstanceType", leave_out=True),
        Difference("ResourceConfig.SelectedInstanceCount", leave_out=True),
    ),
    added=ROOT,
    rules=(
        # SageMaker's model requires neither since serverless jobs exist; a classic job still needs both.
        at("", AtLeastOne(("algorithmSpecification", "serverlessJobConfig"))),
        at("algorithmSpecification", ExactlyOne(("trainingImage", "algorithmName"))),
        at(
            "inputDataConfig.dataSource",
            AtMostOne(("s3DataSource", "fileSystemDataSource", "datasetSource")),
        ),
    ),
    status=status(
        record(
            trainingJobStatus=string(),
            secondaryStatus=string(),
            additional=string(),
            lastCheckTime=time(),
            cloudWatchLogUrl=string(),
            sageMakerTrainingJobName=string(),
            modelPath=string(),
            debugRuleEvaluationStatuses=many(
                record(
                    lastModifiedTime=time(),
                    ruleConfigurationName=string(),
                    ruleEvaluationJobArn=string(),
                    ruleEvaluationStatus=string(),
                    statusDetail=string(),
                )
            ),
        ),
        *RUNS,
    ),
)
