"""A cluster and an account as the archived operator left them: its names, write-backs, finalizers, labels and status fields
(LO-1 to LO-17). Nothing here is read from the project's own rules, or it would prove nothing.
"""

from __future__ import annotations

import copy
import itertools
import uuid
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from reconciler.core.resource import Key
from reconciler.core.schema.shapes import to_request
from tests.support import lab_kinds
from tests.support.lab import Lab, hosting, job
from tests.support.lab_scaling import INSTANCES, SERVICE, scaling

FINALIZER = "sagemaker-operator-finalizer"
CHILD_FINALIZER = "sagemaker-operator-hpo-trainingjob"
OWNER_LABELS = ("owner_HostingDeployment_namespace", "owner_HostingDeployment_name")
CHECKED = "2022-11-01T10:00:00Z"
STALE = "Unable to describe: RequestError: send request failed caused by: dial tcp: i/o timeout, request id: 1-2-3"


def generated(prefix: str, uid: str, limit: int = 63) -> str:
    """`<prefix>-<uid>`: the prefix is cut, never the UID; where no prefix is left the UID stands alone."""
    suffix = uid.replace("-", "")
    room = limit - len(suffix) - 1
    return f"{prefix[:room]}-{suffix}" if room > 0 else suffix[:limit]


@dataclass
class Legacy:
    lab: Lab
    keys: list[Key] = field(default_factory=list)
    _numbers: Any = field(default_factory=lambda: itertools.count(1))
    _asked: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Names of the configuration and the model that a HostingDeployment, by its name, wants to serve."""

    # --- jobs ---------------------------------------------------------------------------------------------------------

    def training(self, name: str) -> Key:
        body, uid = job(name, hyperParameters=[{"name": "rounds", "value": "10"}]), self._uid()
        remote = generated(name, uid)
        body["spec"]["trainingJobName"] = remote
        self._create(body, "CreateTrainingJob", TrainingJobName=remote)
        return self._store(
            body,
            uid,
            lambda: self._training_status(remote),
        )

    def _training_status(self, remote: str) -> dict[str, Any]:
        found = self.lab.simulator.client().describe_training_job(TrainingJobName=remote)
        status = found["TrainingJobStatus"]
        region = found["TrainingJobArn"].split(":")[3]
        told = {
            "trainingJobStatus": status,
            "secondaryStatus": found["SecondaryStatus"],
            "sageMakerTrainingJobName": remote,
            "cloudWatchLogUrl": _log_url(region, "TrainingJobs", remote),
            "additional": found.get("FailureReason") or (STALE if status == "InProgress" else None),
        }
        if status == "Completed":
            told["modelPath"] = found["ModelArtifacts"]["S3ModelArtifacts"]
        return told

    def processing(self, name: str) -> Key:
        body, uid = lab_kinds.processing(name), self._uid()
        remote = generated(name, uid)
        self._create(body, "CreateProcessingJob", ProcessingJobName=remote)

        def status() -> dict[str, Any]:
            found = self.lab.simulator.client().describe_processing_job(ProcessingJobName=remote)
            return {
                "processingJobStatus": found["ProcessingJobStatus"],
                "sageMakerProcessingJobName": remote,
                "cloudWatchLogUrl": _log_url(body["spec"]["region"], "ProcessingJobs", remote),
                "additional": found.get("FailureReason"),
                "lastCheckTime": CHECKED,
            }

        return self._store(body, uid, status)

    def transform(self, name: str, model: str) -> Key:
        body, uid = lab_kinds.transform(name, modelName=model), self._uid()
        remote = generated(name, uid)
        body["spec"]["transformJobName"] = remote
        self._create(body, "CreateTransformJob", TransformJobName=remote)

        def status() -> dict[str, Any]:
            found = self.lab.simulator.client().describe_transform_job(TransformJobName=remote)
            return {
                "transformJobStatus": found["TransformJobStatus"],
                "sageMakerTransformJobName": remote,
                "additional": found.get("FailureReason"),
                "lastCheckTime": CHECKED,
            }

        return self._store(body, uid, status)

    def tuning(self, name: str, most: int = 3) -> Key:
        """And, once it has run, a TrainingJob per training job: see `spawn`."""
        body, uid = lab_kinds.tuning(name, most=most, parallel=most), self._uid()
        remote = generated(name, uid, 32)
        body["spec"]["hyperParameterTuningJobName"] = remote
        self._create(body, "CreateHyperParameterTuningJob", HyperParameterTuningJobName=remote)

        def status() -> dict[str, Any]:
            found = self.lab.simulator.client().describe_hyper_parameter_tuning_job(HyperParameterTuningJobName=remote)
            counters = found["TrainingJobStatusCounters"]
            best = found.get("BestTrainingJob") or {}
            return {
                "hyperParameterTuningJobStatus": found["HyperParameterTuningJobStatus"],
                "sageMakerHyperParameterTuningJobName": remote,
                "trainingJobStatusCounters": {
                    "completed": counters["Completed"],
                    "inProgress": counters["InProgress"],
                    "nonRetryableError": counters["NonRetryableError"],
                    "retryableError": counters["RetryableError"],
                    "stopped": counters["Stopped"],
                    "totalError": counters["RetryableError"] + counters["NonRetryableError"],
                },
                "bestTrainingJob": {
                    "trainingJobName": best.get("TrainingJobName"),
                    "trainingJobArn": best.get("TrainingJobArn"),
                    "trainingJobStatus": best.get("TrainingJobStatus"),
                    "objectiveStatus": best.get("ObjectiveStatus"),
                    # Its own fault: the value always came out empty.
                    "finalHyperParameterTuningJobObjectiveMetric": {"metricName": "auc"},
                },
            }

        return self._store(body, uid, status)

    def spawn(self, tuning: Key) -> list[Key]:
        """What its spawner made: named as the training job, without owner or labels, with a second finalizer."""
        parent = self.lab.cluster.objects[tuning]
        remote = parent["spec"]["hyperParameterTuningJobName"]
        listed = self.lab.simulator.client().list_training_jobs_for_hyper_parameter_tuning_job(
            HyperParameterTuningJobName=remote
        )
        made = []
        for summary in listed["TrainingJobSummaries"]:
            child = str(summary["TrainingJobName"])
            body = job(child, trainingJobName=child)
            made.append(
                self._store(
                    body,
                    self._uid(),
                    lambda child=child: self._training_status(child),  # type: ignore[misc]
                    finalizers=(CHILD_FINALIZER, FINALIZER),
                )
            )
        return made

    # --- what serves --------------------------------------------------------------------------------------------------

    def model(self, name: str, labels: Mapping[str, str] | None = None, body: dict[str, Any] | None = None) -> Key:
        body, uid = body or lab_kinds.model(name), self._uid()
        remote = generated(name, uid)
        arn = self._create(body, "CreateModel", ModelName=remote)["ModelArn"]
        body["spec"]["primaryContainer"]["mode"] = "SingleModel"  # written back
        told = {"status": "Created", "sageMakerModelName": remote, "modelArn": arn, "lastUpdateTime": CHECKED}
        return self._store(body, uid, lambda: {**told, "additional": None if labels else STALE}, labels=labels)

    def config(self, name: str, model: str, labels: Mapping[str, str] | None = None, **variant: Any) -> Key:
        body, uid = lab_kinds.config(name, modelName=model, initialVariantWeight=1, **variant), self._uid()
        remote = generated(name, uid)
        arn = self._create(body, "CreateEndpointConfig", EndpointConfigName=remote)["EndpointConfigArn"]
        told = {
            "status": "Created",
            "sageMakerEndpointConfigName": remote,
            "endpointConfigArn": arn,
            "lastUpdateTime": CHECKED,
        }
        return self._store(body, uid, lambda: told, labels=labels)

    def endpoint(self, name: str, generation: int = 1) -> Key:
        """A HostingDeployment with the Model and the EndpointConfig of its generation."""
        body, uid = hosting(name), self._uid()
        self._asked[name] = self._parts(body, uid, generation)
        remote = generated(name, uid)
        self.lab.simulator.client().create_endpoint(EndpointName=remote, EndpointConfigName=self._asked[name][0])
        region = body["spec"]["region"]

        def status() -> dict[str, Any]:
            found = self.lab.simulator.client().describe_endpoint(EndpointName=remote)
            serving = found["ProductionVariants"][0]
            config, model = self._asked[name]
            return {
                "endpointName": remote,
                "endpointConfigName": config,
                "endpointStatus": found["EndpointStatus"],
                "endpointArn": found["EndpointArn"],
                "endpointUrl": f"https://runtime.sagemaker.{region}.amazonaws.com/endpoints/{remote}/invocations",
                "creationTime": _seconds(found["CreationTime"]),
                "lastModifiedTime": _seconds(found["LastModifiedTime"]),
                "lastCheckTime": CHECKED,
                "additional": STALE,
                "modelNames": [{"name": "model-0", "value": model}],
                "productionVariants": [
                    {
                        "variantName": serving["VariantName"],
                        "currentInstanceCount": serving["CurrentInstanceCount"],
                        "desiredInstanceCount": serving["DesiredInstanceCount"],
                        "currentWeight": int(serving["CurrentWeight"]),
                        "desiredWeight": int(serving["DesiredWeight"]),
                        "deployedImages": [
                            {
                                "specifiedImage": image["SpecifiedImage"],
                                "resolvedImage": image["ResolvedImage"],
                                "resolutionTime": _seconds(image["ResolutionTime"]),
                            }
                            for image in serving.get("DeployedImages") or ()
                        ],
                    }
                ],
            }

        key = self._store(body, uid, status)
        self.lab.cluster.objects[key]["metadata"]["generation"] = generation
        return key

    def update(self, key: Key, image: str) -> None:
        """An edit, of which the second generation of parts and the UpdateEndpoint are made already."""
        remote, body = self.name_of(key, "endpointName"), self.lab.cluster.objects[key]
        self.lab.cluster.apply(hosting(key.name, image=image))
        uid = body["metadata"]["uid"]
        self._asked[key.name] = self._parts(hosting(key.name, image=image), uid, generation=2)
        config, _ = self._asked[key.name]
        self.lab.simulator.client().update_endpoint(EndpointName=remote, EndpointConfigName=config)

    def _parts(self, body: Mapping[str, Any], uid: str, generation: int) -> tuple[str, str]:
        """Names of a generation's configuration and model."""
        name, suffix, spec = body["metadata"]["name"], uid.replace("-", ""), body["spec"]
        labels = dict(zip(OWNER_LABELS, ("team", name), strict=True))
        child = lab_kinds.model(f"model-0-{generation}-{suffix}")
        child["spec"]["primaryContainer"] = dict(spec["models"][0]["containers"][0])
        model = self.name_of(self.model(child["metadata"]["name"], labels, child), "sageMakerModelName")
        variant = {key: spec["productionVariants"][0][key] for key in ("variantName",)}
        config = self.config(f"{name}-{generation}-{suffix}", model, labels, **variant)
        return self.name_of(config, "sageMakerEndpointConfigName"), model

    def scaling(self, name: str, deployment: Key) -> Key:
        endpoint = self.name_of(deployment, "endpointName")
        body, uid = scaling(endpoint, name=name), self._uid()
        spec = body["spec"]
        resource = f"endpoint/{endpoint}/variant/variant-model-0"
        client = self.lab.simulator.client(SERVICE)
        where = {"ServiceNamespace": "sagemaker", "ResourceId": resource, "ScalableDimension": INSTANCES}
        client.register_scalable_target(**where, MinCapacity=spec["minCapacity"], MaxCapacity=spec["maxCapacity"])
        policy = "SageMakerEndpointInvocationScalingPolicy"
        client.put_scaling_policy(
            **where,
            PolicyName=policy,
            PolicyType="TargetTrackingScaling",
            TargetTrackingScalingPolicyConfiguration={
                "TargetValue": float(spec["targetTrackingScalingPolicyConfiguration"]["targetValue"]),
                "PredefinedMetricSpecification": {"PredefinedMetricType": "SageMakerVariantInvocationsPerInstance"},
            },
        )
        spec |= {
            "policyName": policy,
            "policyType": "TargetTrackingScaling",
            "serviceNamespace": "sagemaker",
            "scalableDimension": INSTANCES,
            "suspendedState": {
                "dynamicScalingInSuspended": False,
                "dynamicScalingOutSuspended": False,
                "scheduledScalingSuspended": False,
            },
        }
        told = {
            "policyName": policy,
            "hostingAutoscalingPolicyStatus": "Created",
            "resourceIDList": [resource],
            "additional": STALE,
        }
        return self._store(body, uid, lambda: told)

    # --- both sides ---------------------------------------------------------------------------------------------------

    def finish(self) -> dict[Key, dict[str, Any]]:
        """Its last status writes; what they said."""
        for key, status in self._statuses.items():
            self.lab.cluster.objects[key]["status"] = _written(status())
        return {key: copy.deepcopy(self.lab.status(key)) for key in self.keys}

    def name_of(self, key: Key, member: str) -> str:
        return str(self._statuses[key]()[member])

    def kinds(self) -> Counter[str]:
        return Counter(key.kind for key in self.keys)

    @property
    def _statuses(self) -> dict[Key, Callable[[], dict[str, Any]]]:
        found: dict[Key, Callable[[], dict[str, Any]]] = self.__dict__.setdefault("_told", {})
        return found

    def _uid(self) -> str:
        return str(uuid.UUID(int=0xCF1E16FB10A511EAAA450A350733BA06 + (next(self._numbers) << 64)))

    def _create(self, body: Mapping[str, Any], operation: str, **named: str) -> dict[str, Any]:
        params = {**to_request(self.lab.shapes[body["kind"]], body["spec"], operation), **named}
        answer: dict[str, Any] = self.lab.simulator.client()._make_api_call(operation, params)
        return answer

    def _store(
        self,
        body: dict[str, Any],
        uid: str,
        status: Callable[[], dict[str, Any]],
        *,
        finalizers: tuple[str, ...] = (FINALIZER,),
        labels: Mapping[str, str] | None = None,
    ) -> Key:
        key = self.lab.cluster.apply(body)
        metadata = self.lab.cluster.objects[key]["metadata"]
        metadata |= {"uid": uid, "finalizers": list(finalizers)} | ({"labels": dict(labels)} if labels else {})
        # The name that was written back was an edit.
        metadata["generation"] = 1 if "HostingDeployment" in key.kind else 2
        self._statuses[key] = status
        self.keys.append(key)
        return key


def _log_url(region: str, group: str, name: str) -> str:
    return (
        f"https://{region}.console.aws.amazon.com/cloudwatch/home?region={region}"
        f"#logStream:group=/aws/sagemaker/{group};prefix={name};streamFilter=typeLogStreamPrefix"
    )


def _seconds(moment: Any) -> str:
    return str(moment.strftime("%Y-%m-%dT%H:%M:%SZ"))


def _written(status: Mapping[str, Any]) -> dict[str, Any]:
    """Empty members are absent, all the way down."""
    kept = {key: _written(value) if isinstance(value, Mapping) else value for key, value in status.items()}
    return {key: value for key, value in kept.items() if value not in (None, "", [], {})}
