from typing import Any

import pytest

from tests.world import World, refused

SIMS = "arn:aws:personalize:::recipe/aws-sims"


def test_a_solution_comes_back_as_it_was_asked_without_added_defaults(world: World) -> None:
    group = world.with_clicks()
    config = {"algorithmHyperParameters": {"popularity_discount_factor": "0.25"}}
    arn = world.personalize.create_solution(
        name="similar", datasetGroupArn=group, recipeArn=SIMS, solutionConfig=config, eventType="click"
    )["solutionArn"]
    assert arn == "arn:aws:personalize:us-east-1:000000000000:solution/similar"
    world.work()
    solution = world.personalize.describe_solution(solutionArn=arn)["solution"]
    assert (solution["status"], solution["solutionConfig"], solution["eventType"]) == ("ACTIVE", config, "click")
    assert (solution["performHPO"], solution["performAutoML"]) == (False, False)
    assert "latestSolutionVersion" not in solution
    [row] = world.personalize.list_solutions(datasetGroupArn=group)["solutions"]
    assert row["recipeArn"] == SIMS


def searching(recipe: str = "aws-sims", **ranges: list[dict[str, Any]]) -> dict[str, Any]:
    """A solution that searches these ranges."""
    lists = {f"{kind}HyperParameterRanges": ranges.get(kind, []) for kind in ("integer", "continuous", "categorical")}
    return {
        "recipeArn": f"arn:aws:personalize:::recipe/{recipe}",
        "performHPO": True,
        "solutionConfig": {"hpoConfig": {"algorithmHyperParameterRanges": lists}},
    }


@pytest.mark.parametrize(
    ("members", "told"),
    [
        ({"recipeArn": None}, "'recipeArn' failed to satisfy constraint: Member must not be null"),
        ({"recipeArn": "arn:aws:personalize:::recipe/aws-magic"}, "does not exist"),
        ({"recipeArn": "arn:aws:personalize:::recipe/aws-vod-top-picks"}, "is a recipe for recommenders"),
        ({"performHPO": True, "recipeArn": "arn:aws:personalize:::recipe/aws-popularity-count"}, "performHPO"),
        ({"solutionConfig": {"algorithmHyperParameters": {"warp": "9"}}}, "warp' is not a parameter of aws-sims"),
        (
            {"solutionConfig": {"algorithmHyperParameters": {"popularity_discount_factor": "2"}}},
            "'2' at 'solutionConfig.algorithmHyperParameters.popularity_discount_factor'",
        ),
        ({"solutionConfig": {"eventValueThreshold": "1"}}, "needs the column EVENT_VALUE"),
        ({"solutionConfig": {"eventValueThreshold": "nan"}}, "eventValueThreshold: 'nan' is not a number."),
        ({"solutionConfig": {"eventsConfig": {"eventParametersList": [{"eventType": "click"}]}}}, "eventsConfig"),
        (
            {
                "recipeArn": "arn:aws:personalize:::recipe/aws-user-personalization-v2",
                "solutionConfig": {
                    "eventsConfig": {"eventParametersList": [{"eventType": "click", "eventValueThreshold": 2.0}]}
                },
            },
            "eventsConfig needs the column EVENT_VALUE in Interactions for its thresholds.",
        ),
        (
            {
                "recipeArn": "arn:aws:personalize:::recipe/aws-personalized-ranking",
                "solutionConfig": {"optimizationObjective": {"itemAttribute": "CREATION_TIMESTAMP"}},
            },
            "itemAttribute: CREATION_TIMESTAMP is the time of an item and no objective",
        ),
        (
            {"solutionConfig": {"trainingDataConfig": {"excludedDatasetColumns": {"INTERACTIONS": ["EVENT_TYPE"]}}}},
            "EVENT_TYPE cannot be excluded",
        ),
        ({"solutionConfig": {"autoTrainingConfig": {"schedulingExpression": "rate(31 days)"}}}, "rate(31 days)"),
        ({"performIncrementalUpdate": True}, "performIncrementalUpdate is not supported"),
        (
            searching(continuous=[{"name": "popularity_discount_factor", "minValue": 0.2, "maxValue": 1.5}]),
            "continuousHyperParameterRanges.1.member.maxValue: 1.5 must be a number between 0 and 1.",
        ),
        (
            searching(integer=[{"name": "training.min_cointeraction_count", "minValue": 9, "maxValue": 2}]),
            "integerHyperParameterRanges.1.member: minValue 9 is above maxValue 2.",
        ),
        (
            searching(integer=[{"name": "popularity_discount_factor", "minValue": 0, "maxValue": 1}]),
            "'popularity_discount_factor' cannot be tuned so; aws-sims has here: min_cointeraction_count.",
        ),
        (
            searching("aws-personalized-ranking", categorical=[{"name": "recency_mask", "values": ["True", "maybe"]}]),
            "values.2.member: 'maybe' must be one of True, False.",
        ),
    ],
)
def test_what_a_recipe_or_the_data_cannot_do_is_refused_with_member_and_rule(
    world: World, members: dict[str, object], told: str
) -> None:
    group = world.with_clicks()
    asked = {"name": "model", "datasetGroupArn": group, "recipeArn": SIMS} | members
    given = {name: value for name, value in asked.items() if value is not None}
    assert told in refused(world.personalize.create_solution, **given)[1]


def test_a_group_without_interactions_cannot_learn(world: World) -> None:
    told = refused(world.personalize.create_solution, name="m", datasetGroupArn=world.group(), recipeArn=SIMS)
    assert told == (
        "InvalidInputException",
        "datasetGroupArn: the recipe aws-sims needs a dataset of type INTERACTIONS, and the group has none.",
    )


def test_deleting_a_solution_takes_its_versions_and_models_along(world: World) -> None:
    version = world.trained(world.with_clicks(), "aws-popularity-count")
    solution = version.rsplit("/", 1)[0]
    campaign = world.campaign(version)
    assert refused(world.personalize.delete_solution, solutionArn=solution) == (
        "ResourceInUseException",
        f"The solution {solution} is needed by: {campaign}.",
    )
    world.personalize.delete_campaign(campaignArn=campaign)
    world.work()
    models = world.parts.settings.data_dir / "artefacts" / "models" / "000000000000" / "us-east-1" / "model"
    assert models.is_dir()
    world.personalize.delete_solution(solutionArn=solution)
    world.work()
    assert not models.exists()
    assert world.personalize.list_solution_versions()["solutionVersions"] == []
