"""`kubectl smlogs -f` as a process: every line once, and when it ends."""

import signal

from tests.integration.plugins.kit import TRAINING, Desk


def test_a_followed_job_shows_every_line_once_and_ends_with_the_job(desk: Desk) -> None:
    desk.training()
    with desk.following("trainingjob", "mnist") as running:
        running.says(f"no log yet: there is no log group {TRAINING}")
        desk.log("job1/algo-1-1", "a", "b")
        desk.log("job10/algo-1-1", "foreign")
        running.shows("a", "b")
        desk.log("job1/algo-2-1", "late", ago_s=30)
        running.shows("late")
        desk.log("job1/algo-1-1", "last")
        desk.status("TrainingJob", "mnist", trainingJobStatus="Completed")
        assert running.end() == 0
    assert running.messages == ["a", "b", "late", "last"]
    assert running.err[1:] == [f"no log yet: there is no log group {TRAINING}\n", "job1 is over: Completed\n"]


def test_a_followed_tuning_job_shows_its_new_children_and_survives_throttling(desk: Desk) -> None:
    status = {"sageMakerHyperParameterTuningJobName": "h", "hyperParameterTuningJobStatus": "InProgress"}
    desk.make("HyperparameterTuningJob", "search", status)
    desk.log("h-001-0a1b2c3d/algo-1-1", "one", ago_s=60)
    with desk.following("HyperParameterTuningJob", "search") as running:
        running.shows("one")
        action = {"type": "error", "code": "ThrottlingException", "message": "Rate exceeded", "status": 400}
        rule = {"match": {"service": "logs", "op": "FilterLogEvents", "count": 2}, "action": action}
        desk.simulator.rules(rule)
        desk.log("h-002-0b1b2c3d/algo-1-1", "two")
        running.shows("two")
        desk.status("HyperparameterTuningJob", "search", hyperParameterTuningJobStatus="Stopped")
        assert running.end() == 0
    assert running.messages == ["one", "two"]


def test_a_followed_endpoint_ends_when_it_is_deleted(desk: Desk) -> None:
    desk.make("HostingDeployment", "churn", {"endpointName": "e", "endpointStatus": "InService"})
    desk.log("main/i-1", "served", group="/aws/sagemaker/Endpoints/e")
    with desk.following("hostingdeployment", "churn") as running:
        running.shows("served")
        desk.status("HostingDeployment", "churn", endpointStatus="Failed")
        desk.log("shadow/i-2", "still", group="/aws/sagemaker/Endpoints/e")
        running.shows("still")
        desk.delete("HostingDeployment", "churn")
        assert running.end() == 0
    assert running.err[-1] == "e was deleted\n"


def test_following_waits_for_the_job_and_ctrl_c_is_quiet(desk: Desk) -> None:
    desk.make("ProcessingJob", "clean", {})
    with desk.following("processingjob", "clean", "--tail", "1") as running:
        running.says("no SageMaker job yet")
        desk.log("p/algo-1-1", "first", "second", group="/aws/sagemaker/ProcessingJobs")
        desk.status("ProcessingJob", "clean", sageMakerProcessingJobName="p", processingJobStatus="InProgress")
        running.shows("second")
        running.process.send_signal(signal.SIGINT)
        assert running.end() == 130
    assert running.messages == ["second"]
    assert [line for line in running.err if not line.startswith(('"clean" has', "no SageMaker job yet"))] == []
