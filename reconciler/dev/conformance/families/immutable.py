"""Models, endpoint configurations and tags: made and removed at once, free of charge."""

from reconciler.dev.conformance import requests
from reconciler.dev.conformance.account import Account, believe, same
from reconciler.dev.conformance.check import check

VE = "ValidationException"


@check("SM-4", "SM-10", "SM-11", "SM-37", "SM-52", "SM-56", "SM-61", "SM-78", makes=("a model",))
def a_model(account: Account) -> None:
    """A model is there at once, its ARN in lower case; described without tags, status or LastModifiedTime."""
    name = account.name("Model-A")
    made = account.call("CreateModel", **requests.model(account, name))
    same(made["ModelArn"], account.arn("model", name), "the ARN")
    found = account.call("DescribeModel", ModelName=name)
    same(found["ModelName"], name, "the name")
    same(found["PrimaryContainer"].get("Mode"), "SingleModel", "the container's Mode")
    believe(not {"Tags", "LastModifiedTime"} & set(found), f"neither tags nor LastModifiedTime are shown: {found}")
    same(account.call("ListTags", ResourceArn=made["ModelArn"])["Tags"], [requests.TAG], "ListTags")
    (row,) = account.call("ListModels", NameContains=name)["Models"]
    same(set(row), {"ModelName", "ModelArn", "CreationTime"}, "the summary")
    text = f'Cannot create already existing model "{made["ModelArn"]}".'
    account.expect("CreateModel", VE, text, **requests.model(account, name))


@check("SM-54", "SM-55", "SM-78", "SM-95", makes=("a model", "two endpoint configurations"))
def configurations(account: Account) -> None:
    """Defaults of variants; a configuration outlives its model."""
    model, plain, serverless = account.name("b"), account.name("plain"), account.name("serverless")
    account.call("CreateModel", **requests.model(account, model))
    account.call("CreateEndpointConfig", **requests.config(plain, requests.variant(model)))
    (shown,) = account.call("DescribeEndpointConfig", EndpointConfigName=plain)["ProductionVariants"]
    same(shown["InitialVariantWeight"], 1.0, "InitialVariantWeight")
    free = {
        "VariantName": "main",
        "ModelName": model,
        "ServerlessConfig": {"MemorySizeInMB": 1024, "MaxConcurrency": 1},
    }
    account.call("CreateEndpointConfig", **requests.config(serverless, free))
    (shown,) = account.call("DescribeEndpointConfig", EndpointConfigName=serverless)["ProductionVariants"]
    same(shown.get("VolumeSizeInGB"), 5, "VolumeSizeInGB of a serverless variant")
    text = f'Cannot create already existing endpoint configuration "{account.arn("endpoint-config", plain)}".'
    account.expect("CreateEndpointConfig", VE, text, **requests.config(plain, requests.variant(model)))
    account.call("DeleteModel", ModelName=model)
    account.call("DescribeEndpointConfig", EndpointConfigName=plain)


@check("SM-15", "SM-134", makes=("a model",))
def variants_and_shadows(account: Account) -> None:
    """Variants have names of their own; a shadow variant has one production variant beside it."""
    model = account.name("shadows")
    account.call("CreateModel", **requests.model(account, model))
    twice = requests.config(account.name("twice"), requests.variant(model), requests.variant(model))
    account.refused("CreateEndpointConfig", **twice)
    two = (requests.variant(model), requests.variant(model, VariantName="second"))
    shadow = [requests.variant(model, VariantName="shadow")]
    refusal = account.refused(
        "CreateEndpointConfig", **requests.config(account.name("shadow"), *two), ShadowProductionVariants=shadow
    )
    account.learn(f"SM-134: {refusal.code}: {refusal.message}")


@check("SM-14", "SM-77")
def models_that_are_none(account: Account) -> None:
    """A model has one container or several, not both; a configuration needs its model."""
    both = requests.model(account, account.name("both"), Containers=[{"Image": account.image}] * 2)
    account.refused("CreateModel", **both)
    nothing = account.name("none")
    text = f'Could not find model "{account.arn("model", nothing)}".'
    account.expect("CreateEndpointConfig", VE, text, **requests.config(account.name("lost"), requests.variant(nothing)))


@check("SM-94", makes=("a model",))
def managed_scaling_of_a_variant_with_a_model(account: Account) -> None:
    """ManagedInstanceScaling is for inference components only."""
    model = account.name("managed")
    account.call("CreateModel", **requests.model(account, model))
    managed = {"Status": "ENABLED", "MinInstanceCount": 1, "MaxInstanceCount": 2}
    variant = requests.variant(model, ManagedInstanceScaling=managed)
    text = "ManagedInstanceScaling is only supported for inference component endpoints."
    account.expect("CreateEndpointConfig", VE, text, **requests.config(account.name("managed"), variant))


@check("SM-17", "SM-18", makes=("a model",))
def tags(account: Account) -> None:
    """AddTags overwrites, takes empty values, and refuses the 51st tag."""
    name = account.name("tags")
    arn = account.call("CreateModel", **requests.model(account, name))["ModelArn"]
    account.call("AddTags", ResourceArn=arn, Tags=[{"Key": "k", "Value": "1"}])
    account.call("AddTags", ResourceArn=arn, Tags=[{"Key": "k", "Value": ""}])
    found = {tag["Key"]: tag["Value"] for tag in account.call("ListTags", ResourceArn=arn)["Tags"]}
    same(found["k"], "", "the value that was written last")
    many = [{"Key": f"k{number}", "Value": "v"} for number in range(49)]
    refusal = account.refused("AddTags", ResourceArn=arn, Tags=many)
    account.learn(f"SM-17: {refusal.code}: {refusal.message}")
