from tests.world import World, refused


def test_lists_go_page_by_page(world: World) -> None:
    names = [f"films-{number}" for number in range(5)]
    for name in names:
        world.group(name)
    pages = list(world.personalize.get_paginator("list_dataset_groups").paginate(PaginationConfig={"PageSize": 2}))
    assert [row["name"] for page in pages for row in page["datasetGroups"]] == names
    assert [len(page["datasetGroups"]) for page in pages] == [2, 2, 1]
    assert "nextToken" not in pages[-1]


def test_a_token_is_bound_to_its_list_its_filter_and_its_caller(world: World) -> None:
    for number in range(3):
        world.group(f"films-{number}")
    api, token = world.personalize, world.personalize.list_dataset_groups(maxResults=2)["nextToken"]
    foreign = "InvalidNextTokenException"
    assert refused(api.list_schemas, nextToken=token)[0] == foreign
    assert refused(world.stranger("111122223333").personalize.list_dataset_groups, nextToken=token)[0] == foreign
    assert refused(api.list_dataset_groups, nextToken="A" + token[1:])[0] == foreign
    assert refused(api.list_dataset_groups, nextToken="none")[0] == foreign
    assert refused(api.list_dataset_groups, nextToken="£")[0] == "InvalidInputException"


def test_pages_neither_repeat_nor_skip_while_resources_come_and_go(world: World) -> None:
    for number in range(4):
        world.group(f"films-{number}")
    first = world.personalize.list_dataset_groups(maxResults=2)
    world.personalize.delete_dataset_group(datasetGroupArn=first["datasetGroups"][0]["datasetGroupArn"])
    world.work()
    world.group("films-new")
    rest = world.personalize.list_dataset_groups(nextToken=first["nextToken"])["datasetGroups"]
    assert [row["name"] for row in rest] == ["films-2", "films-3", "films-new"]


def test_the_number_of_results_has_bounds(world: World) -> None:
    code, message = refused(world.personalize.list_solutions, maxResults=101)
    assert code == "InvalidInputException"
    assert "'maxResults'" in message
