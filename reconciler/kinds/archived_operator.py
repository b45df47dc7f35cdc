"""The keys that the archived operator's types know, by kind: what else stood in a spec was gone after its first write (LO-19).

From its Go types (`api/v1` at e131566); tests/data/archived-operator-types.json has them whole, and a test compares the two.
"""

from __future__ import annotations

import re

from reconciler.core.archived import Keys

__all__ = [
    "ENDPOINT_CONFIG",
    "HOSTING_DEPLOYMENT",
    "MODEL",
    "PROCESSING_JOB",
    "SCALING_POLICY",
    "TRAINING_JOB",
    "TRANSFORM_JOB",
    "TUNING_JOB",
]


def _keys(text: str) -> Keys:
    """From `key key(key key)`: what is in brackets is below the key, of a list in each of its items."""
    tree: dict[str, Keys] = {}
    above: list[dict[str, Keys]] = []
    below = tree
    for word in re.findall(r"[()]|[^\s()]+", text):
        if word == "(":
            above.append(tree)
            tree = below
        elif word == ")":
            tree = above.pop()
        else:
            below = {}
            tree[word] = below
    return tree


TRAINING_JOB = _keys("""
    algorithmSpecification(algorithmName metricDefinitions(name regex) trainingImage trainingInputMode)
    enableInterContainerTrafficEncryption enableNetworkIsolation enableManagedSpotTraining
    hyperParameters(name value) inputDataConfig(channelName compressionType contentType
    dataSource(fileSystemDataSource(directoryPath fileSystemAccessMode fileSystemId fileSystemType)
    s3DataSource(attributeNames s3DataDistributionType s3DataType s3Uri)) inputMode recordWrapperType
    shuffleConfig(seed)) outputDataConfig(kmsKeyId s3OutputPath) checkpointConfig(localPath s3Uri)
    resourceConfig(instanceCount instanceType volumeKmsKeyId volumeSizeInGB) roleArn region sageMakerEndpoint
    stoppingCondition(maxRuntimeInSeconds maxWaitTimeInSeconds) debugRuleConfigurations(ruleConfigurationName
    localPath s3OutputPath ruleEvaluatorImage volumeSizeInGB instanceType ruleParameters(name value))
    debugHookConfig(localPath s3OutputPath ruleParameters(name value) collectionConfigurations(collectionName
    collectionParameters(name value))) tensorBoardOutputConfig(localPath s3OutputPath) tags(key value)
    trainingJobName vpcConfig(securityGroupIds subnets)
""")

TUNING_JOB = _keys("""
    hyperParameterTuningJobConfig(hyperParameterTuningJobObjective(metricName type)
    parameterRanges(categoricalParameterRanges(name values) continuousParameterRanges(maxValue minValue name
    scalingType) integerParameterRanges(maxValue minValue name scalingType))
    resourceLimits(maxNumberOfTrainingJobs maxParallelTrainingJobs) strategy trainingJobEarlyStoppingType)
    hyperParameterTuningJobName tags(key value) trainingJobDefinition(algorithmSpecification(algorithmName
    metricDefinitions(name regex) trainingImage trainingInputMode) enableInterContainerTrafficEncryption
    enableNetworkIsolation enableManagedSpotTraining inputDataConfig(channelName compressionType contentType
    dataSource(fileSystemDataSource(directoryPath fileSystemAccessMode fileSystemId fileSystemType)
    s3DataSource(attributeNames s3DataDistributionType s3DataType s3Uri)) inputMode recordWrapperType
    shuffleConfig(seed)) outputDataConfig(kmsKeyId s3OutputPath) checkpointConfig(localPath s3Uri)
    resourceConfig(instanceCount instanceType volumeKmsKeyId volumeSizeInGB) roleArn
    staticHyperParameters(name value) stoppingCondition(maxRuntimeInSeconds maxWaitTimeInSeconds)
    vpcConfig(securityGroupIds subnets))
    warmStartConfig(parentHyperParameterTuningJobs(hyperParameterTuningJobName) warmStartType) region
    sageMakerEndpoint
""")

TRANSFORM_JOB = _keys("""
    transformJobName batchStrategy dataProcessing(inputFilter JoinSource OutputFilter) environment(name value)
    maxConcurrentTransforms maxPayloadInMB modelName tags(key value) transformInput(compressionType
    contentType dataSource(s3DataSource(s3DataType s3Uri)) splitType) transformOutput(accept assembleWith
    kmsKeyId s3OutputPath) transformResources(instanceCount instanceType volumeKmsKeyId) region
    sageMakerEndpoint
""")

PROCESSING_JOB = _keys("""
    appSpecification(containerArguments containerEntrypoint imageUri) environment(name value)
    networkConfig(enableInterContainerTrafficEncryption enableNetworkIsolation vpcConfig(securityGroupIds
    subnets)) processingInputs(inputName s3Input(localPath s3CompressionType s3DataDistributionType s3DataType
    s3InputMode s3Uri)) processingOutputConfig(kmsKeyId outputs(outputName s3Output(localPath s3UploadMode
    s3Uri))) processingResources(clusterConfig(instanceCount instanceType volumeKmsKeyId volumeSizeInGB))
    roleArn region stoppingCondition(maxRuntimeInSeconds) tags(key value) sageMakerEndpoint
""")

HOSTING_DEPLOYMENT = _keys("""
    region sageMakerEndpoint kmsKeyId productionVariants(acceleratorType initialInstanceCount
    initialVariantWeight instanceType modelName variantName) models(name containers(containerHostname
    environment(name value) image modelDataUrl mode modelPackageName) primaryContainer executionRoleArn
    enableNetworkIsolation vpcConfig(securityGroupIds subnets)) tags(key value) endpointName
    retainAllVariantProperties excludeRetainedVariantProperties(variantPropertyType)
""")

SCALING_POLICY = _keys("""
    region minCapacity maxCapacity scalableDimension policyName policyType resourceId(endpointName
    variantName) serviceNamespace suspendedState(dynamicScalingInSuspended dynamicScalingOutSuspended
    scheduledScalingSuspended) sageMakerEndpoint targetTrackingScalingPolicyConfiguration(targetValue
    scaleInCooldown scaleOutCooldown disableScaleIn predefinedMetricSpecification(predefinedMetricType)
    customizedMetricSpecification(metricName namespace statistic unit dimensions(name value)))
""")

MODEL = _keys("""
    containers(containerHostname environment(name value) image modelDataUrl mode modelPackageName)
    enableNetworkIsolation executionRoleArn primaryContainer(containerHostname environment(name value) image
    modelDataUrl mode modelPackageName) tags(key value) vpcConfig(securityGroupIds subnets) region
    sageMakerEndpoint
""")

ENDPOINT_CONFIG = _keys("""
    productionVariants(acceleratorType initialInstanceCount initialVariantWeight instanceType modelName
    variantName) kmsKeyId tags(key value) region sageMakerEndpoint
""")
