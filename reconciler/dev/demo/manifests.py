"""What the demo's team has in its repository."""

GITSYNC = """\
apiVersion: sagemaker-gitops.dev/v1alpha1
kind: GitSync
metadata:
  name: models
spec:
  repo:
    url: {url}
    ref:
      branch: main
    path: ./prod
  interval: 10s
"""

TRAINING = """\
apiVersion: sagemaker.aws.amazon.com/v1
kind: TrainingJob
metadata:
  name: churn-training
spec:
  region: us-east-1
  roleArn: arn:aws:iam::123456789012:role/churn-training
  algorithmSpecification:
    trainingImage: 123456789012.dkr.ecr.us-east-1.amazonaws.com/churn:1.0
    trainingInputMode: File
  hyperParameters:
    - name: max_depth
      value: "6"
  inputDataConfig:
    - channelName: train
      dataSource:
        s3DataSource:
          s3DataType: S3Prefix
          s3Uri: s3://churn-data/2026-11/
  outputDataConfig:
    s3OutputPath: s3://churn-models/
  resourceConfig:
    instanceCount: 1
    instanceType: ml.m5.xlarge
    volumeSizeInGB: 10
  stoppingCondition:
    maxRuntimeInSeconds: 3600
"""

HOSTING = """\
apiVersion: sagemaker.aws.amazon.com/v1
kind: HostingDeployment
metadata:
  name: churn
spec:
  region: us-east-1
  models:
    - name: churn
      executionRoleArn: arn:aws:iam::123456789012:role/churn-serving
      containers:
        - containerHostname: churn
          image: 123456789012.dkr.ecr.us-east-1.amazonaws.com/churn-serving:1.0
          modelDataUrl: {artefact}
  productionVariants:
    - variantName: main
      modelName: churn
      instanceType: ml.m5.large
      initialInstanceCount: 4
"""

ALARM = "churn-5xx"
GUARD = f"""\
  deploymentConfig:
    blueGreenUpdatePolicy:
      trafficRoutingConfiguration:
        type: CANARY
        canarySize: {{type: INSTANCE_COUNT, value: 1}}
        waitIntervalInSeconds: 3600
    autoRollbackConfiguration:
      alarms:
        - alarmName: {ALARM}
"""
"""Below HOSTING: one instance in four first, for an hour, and back when the alarm goes off."""

BROKEN = """\
apiVersion: sagemaker.aws.amazon.com/v1
kind: TrainingJob
metadata:
  name: broken
spec:
  region: us-east-1
  resourceConfig:
    instanceCount: zero
"""

NOVEMBER = "s3://churn-models/{job}/output/model.tar.gz"
"""What the training job left."""
DECEMBER = "s3://churn-models/december/model.tar.gz"
JANUARY = "s3://churn-models/january/model.tar.gz"
