import pytest

from tests.world import World, refused

ARN = "arn:aws:personalize:us-east-1:000000000000:dataset-group/films"


def test_a_group_is_pending_before_it_is_active(world: World) -> None:
    assert world.personalize.create_dataset_group(name="films")["datasetGroupArn"] == ARN
    before = world.personalize.describe_dataset_group(datasetGroupArn=ARN)["datasetGroup"]
    assert before["status"] == "CREATE PENDING"
    world.work()
    after = world.personalize.describe_dataset_group(datasetGroupArn=ARN)["datasetGroup"]
    assert after["status"] == "ACTIVE"
    assert after["lastUpdatedDateTime"] >= after["creationDateTime"] == before["creationDateTime"]
    assert "domain" not in after


def test_a_domain_is_echoed_and_a_bad_one_refused(world: World) -> None:
    assert world.personalize.create_dataset_group(name="shop", domain="ECOMMERCE")["domain"] == "ECOMMERCE"
    assert refused(world.personalize.create_dataset_group, name="other", domain="BAD")[0] == "InvalidInputException"


def test_a_taken_name_is_refused(world: World) -> None:
    world.group("films")
    assert refused(world.personalize.create_dataset_group, name="films") == (
        "ResourceAlreadyExistsException",
        f"Another resource with Arn {ARN} already exists.",
    )


def test_the_sixth_group_exceeds_the_quota(world: World) -> None:
    for number in range(5):
        world.group(f"films-{number}")
    assert refused(world.personalize.create_dataset_group, name="one-more") == (
        "LimitExceededException",
        "Cannot create a dataset group. More than 5 resources in ACTIVE state. Please delete some and try again.",
    )


def test_a_key_needs_its_role(world: World) -> None:
    key = "arn:aws:kms:us-east-1:000000000000:key/0f1e"
    told = refused(world.personalize.create_dataset_group, name="films", kmsKeyArn=key)
    assert told == ("InvalidInputException", "kmsKeyArn was given without roleArn; give both, or neither.")


def test_a_group_that_holds_something_is_not_deleted(world: World) -> None:
    group = world.group()
    dataset = world.dataset(group)
    assert refused(world.personalize.delete_dataset_group, datasetGroupArn=group) == (
        "ResourceInUseException",
        f"The dataset group {group} still has: {dataset}.",
    )


def test_a_deleted_group_is_gone_and_its_name_free(world: World) -> None:
    group = world.group()
    world.personalize.delete_dataset_group(datasetGroupArn=group)
    code, message = refused(world.personalize.delete_dataset_group, datasetGroupArn=group)
    assert code == "ResourceInUseException"
    assert "DELETE PENDING" in message
    world.work()
    assert refused(world.personalize.describe_dataset_group, datasetGroupArn=group) == (
        "ResourceNotFoundException",
        f"Resource Arn {group} does not exist.",
    )
    assert refused(world.personalize.delete_dataset_group, datasetGroupArn=group) == (
        "ResourceNotFoundException",
        f"The given dataset group does not exist: {group}",
    )
    assert world.group() == group


def test_a_group_being_deleted_waits_for_what_is_still_being_deleted_in_it(world: World) -> None:
    group = world.group()
    dataset = world.dataset(group)
    world.personalize.delete_dataset(datasetArn=dataset)
    world.personalize.delete_dataset_group(datasetGroupArn=group)
    world.work()
    assert world.personalize.list_datasets()["datasets"] == []
    assert world.personalize.list_dataset_groups()["datasetGroups"] == []


def test_another_accounts_group_does_not_exist(world: World) -> None:
    group = world.group()
    stranger = world.stranger("111122223333")
    code, _ = refused(stranger.personalize.describe_dataset_group, datasetGroupArn=group)
    assert code == "ResourceNotFoundException"
    assert stranger.personalize.list_dataset_groups()["datasetGroups"] == []


@pytest.mark.parametrize(
    ("arn", "code"),
    [
        ("arn:aws:personalize:us-east-1:000000000000:schema/films", "InvalidInputException"),
        ("arn:aws:personalize:us-east-1:000000000000:dataset-group/none", "ResourceNotFoundException"),
        ("arn:aws:personalize:eu-west-1:000000000000:dataset-group/films", "ResourceNotFoundException"),
        ("films", "InvalidInputException"),
    ],
)
def test_a_wrong_arn_is_told_apart_from_a_missing_group(world: World, arn: str, code: str) -> None:
    assert refused(world.personalize.describe_dataset_group, datasetGroupArn=arn)[0] == code
