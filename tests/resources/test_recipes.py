from tests.world import World, refused

PREFIX = "arn:aws:personalize:::"


def test_an_unasked_list_has_two_pages_of_eleven_sorted_by_name(world: World) -> None:
    first = world.personalize.list_recipes()
    second = world.personalize.list_recipes(nextToken=first["nextToken"])
    names = [row["name"] for row in first["recipes"] + second["recipes"]]
    assert (len(first["recipes"]), len(names)) == (11, 22)
    assert names == sorted(names)
    assert "nextToken" not in second


def test_a_domains_five_recipes_come_with_a_token_to_an_empty_page(world: World) -> None:
    first = world.personalize.list_recipes(domain="ECOMMERCE")
    assert len(first["recipes"]) == 5
    assert {row["domain"] for row in first["recipes"]} == {"ECOMMERCE"}
    second = world.personalize.list_recipes(domain="ECOMMERCE", nextToken=first["nextToken"])
    assert second["recipes"] == []
    assert "nextToken" not in second


def test_pages_of_a_callers_size_end_without_a_token(world: World) -> None:
    pages = list(world.personalize.get_paginator("list_recipes").paginate(PaginationConfig={"PageSize": 9}))
    assert [len(page["recipes"]) for page in pages] == [9, 9, 4]


def test_every_recipe_leads_to_its_algorithm_and_feature_transformation(world: World) -> None:
    api = world.personalize
    for row in api.list_recipes(maxResults=100)["recipes"]:
        recipe = api.describe_recipe(recipeArn=row["recipeArn"])["recipe"]
        algorithm = api.describe_algorithm(algorithmArn=recipe["algorithmArn"])["algorithm"]
        transformation = api.describe_feature_transformation(
            featureTransformationArn=recipe["featureTransformationArn"]
        )["featureTransformation"]
        assert (recipe["status"], transformation["status"]) == ("ACTIVE", "ACTIVE")
        assert algorithm["algorithmArn"] == recipe["algorithmArn"]
        assert "domain" not in recipe


def test_unknown_and_foreign_arns_are_told_apart(world: World) -> None:
    api = world.personalize
    assert refused(api.describe_recipe, recipeArn=f"{PREFIX}recipe/aws-none")[0] == "ResourceNotFoundException"
    assert refused(api.describe_recipe, recipeArn=f"{PREFIX}algorithm/aws-sims")[0] == "InvalidInputException"
    assert refused(api.describe_algorithm, algorithmArn=f"{PREFIX}algorithm/none")[0] == "ResourceNotFoundException"
