from tests.world import World, refused


def tag(key: str, value: str = "x") -> dict[str, str]:
    return {"tagKey": key, "tagValue": value}


def test_tags_are_added_overwritten_listed_and_taken_away(world: World) -> None:
    group = world.group(tags=[tag("team", "search")])
    api = world.personalize
    api.tag_resource(resourceArn=group, tags=[tag("team", "films"), tag("env", "")])
    listed = api.list_tags_for_resource(resourceArn=group)["tags"]
    assert listed == [tag("env", ""), tag("team", "films")]
    api.untag_resource(resourceArn=group, tagKeys=["env", "never"])
    assert api.list_tags_for_resource(resourceArn=group)["tags"] == [tag("team", "films")]


def test_fifty_tags_are_enough(world: World) -> None:
    group = world.group(tags=[tag(f"k{number}") for number in range(50)])
    api = world.personalize
    assert refused(api.tag_resource, resourceArn=group, tags=[tag("more")])[0] == "TooManyTagsException"
    keys = [f"k{number}" for number in range(51)]
    assert refused(api.untag_resource, resourceArn=group, tagKeys=keys)[0] == "TooManyTagKeysException"
    many = [tag(f"k{number}") for number in range(51)]
    assert refused(api.create_dataset_group, name="other", tags=many)[0] == "TooManyTagsException"
    assert [row["name"] for row in api.list_dataset_groups()["datasetGroups"]] == ["films"]


def test_bad_tags_are_told_all_at_once(world: World) -> None:
    group = world.group()
    bad = [tag("aws:x"), tag("twice"), tag("twice")]
    code, message = refused(world.personalize.tag_resource, resourceArn=group, tags=bad)
    assert code == "InvalidInputException"
    assert message.startswith("2 validation errors detected")


def test_schemas_and_unknown_resources_have_no_tags(world: World) -> None:
    api, prefix = world.personalize, "arn:aws:personalize:us-east-1:000000000000"
    assert refused(api.list_tags_for_resource, resourceArn=f"{prefix}:schema/a")[0] == "InvalidInputException"
    assert refused(api.list_tags_for_resource, resourceArn=f"{prefix}:campaign/a")[0] == "ResourceNotFoundException"
