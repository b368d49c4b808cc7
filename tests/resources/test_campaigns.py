from tests.world import ITEMS, World, refused


def test_a_campaign_serves_what_it_was_made_for(world: World) -> None:
    version = world.trained(world.with_clicks(), "aws-popularity-count")
    campaign = world.campaign(version)
    assert campaign == "arn:aws:personalize:us-east-1:000000000000:campaign/live"
    described = world.personalize.describe_campaign(campaignArn=campaign)["campaign"]
    assert (described["status"], described["solutionVersionArn"], described["minProvisionedTPS"]) == (
        "ACTIVE",
        version,
        1,
    )
    assert not {"latestCampaignUpdate", "campaignConfig", "failureReason"} & set(described)


def test_an_update_is_told_at_once_and_in_force_when_active(world: World) -> None:
    group = world.with_clicks()
    first = world.trained(group, "aws-popularity-count", "one")
    second = world.trained(group, "aws-popularity-count", "two")
    campaign = world.campaign(first)
    world.personalize.update_campaign(campaignArn=campaign, solutionVersionArn=second, minProvisionedTPS=2)
    described = world.personalize.describe_campaign(campaignArn=campaign)["campaign"]
    assert (described["status"], described["solutionVersionArn"]) == ("ACTIVE", first)
    assert described["latestCampaignUpdate"]["status"] == "CREATE PENDING"
    assert refused(world.personalize.update_campaign, campaignArn=campaign, minProvisionedTPS=3)[0] == (
        "ResourceInUseException"
    )
    assert refused(world.personalize.delete_campaign, campaignArn=campaign)[0] == "ResourceInUseException"
    world.work()
    described = world.personalize.describe_campaign(campaignArn=campaign)["campaign"]
    assert (described["solutionVersionArn"], described["minProvisionedTPS"]) == (second, 2)
    assert described["latestCampaignUpdate"]["status"] == "ACTIVE"
    told = refused(world.personalize.update_campaign, campaignArn=campaign, solutionVersionArn=second)
    assert told[0] == "InvalidInputException"
    assert "changes nothing" in told[1]


def test_the_latest_version_needs_both_the_arn_and_the_flag(world: World) -> None:
    version = world.trained(world.with_clicks(), "aws-popularity-count")
    latest = version.rsplit("/", 1)[0] + "/$LATEST"
    create, follow = world.personalize.create_campaign, {"syncWithLatestSolutionVersion": True}
    assert refused(create, name="a", solutionVersionArn=latest)[0] == "InvalidInputException"
    assert refused(create, name="a", solutionVersionArn=version, campaignConfig=follow)[0] == "InvalidInputException"
    bare = version.rsplit("/", 1)[0]
    assert refused(create, name="a", solutionVersionArn=bare)[0] == "ResourceNotFoundException"


def test_a_campaign_that_follows_moves_to_each_new_version(world: World) -> None:
    first = world.trained(world.with_clicks(), "aws-popularity-count")
    solution = first.rsplit("/", 1)[0]
    config = {"syncWithLatestSolutionVersion": True}
    campaign = world.campaign(f"{solution}/$LATEST", campaignConfig=config)
    describe = world.personalize.describe_campaign
    assert describe(campaignArn=campaign)["campaign"]["solutionVersionArn"] == first
    second = world.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    world.work()
    described = describe(campaignArn=campaign)["campaign"]
    assert described["solutionVersionArn"] == second
    assert described["latestCampaignUpdate"]["status"] == "ACTIVE"


def test_a_campaign_that_follows_stops_where_it_is_when_its_configuration_says_so(world: World) -> None:
    first = world.trained(world.with_clicks(), "aws-popularity-count")
    solution = first.rsplit("/", 1)[0]
    follow = {"syncWithLatestSolutionVersion": True}
    campaign = world.campaign(f"{solution}/$LATEST", campaignConfig=follow)
    world.personalize.update_campaign(campaignArn=campaign, campaignConfig={"syncWithLatestSolutionVersion": False})
    world.work()
    world.personalize.create_solution_version(solutionArn=solution)
    world.work()
    assert world.personalize.describe_campaign(campaignArn=campaign)["campaign"]["solutionVersionArn"] == first
    again = refused(world.personalize.update_campaign, campaignArn=campaign, campaignConfig=follow)
    assert again[1] == "campaignConfig.syncWithLatestSolutionVersion needs solutionVersionArn to end in /$LATEST."


def test_metadata_beside_items_needs_an_items_dataset(world: World) -> None:
    version = world.trained(world.with_clicks(), "aws-popularity-count")
    asked = {
        "name": "live",
        "solutionVersionArn": version,
        "campaignConfig": {"enableMetadataWithRecommendations": True},
    }
    rule = "campaignConfig.enableMetadataWithRecommendations needs a dataset of type ITEMS, the group has none."
    assert refused(world.personalize.create_campaign, **asked) == ("InvalidInputException", rule)
    world.dataset("arn:aws:personalize:us-east-1:000000000000:dataset-group/films", "Items", ITEMS)
    assert world.personalize.create_campaign(**asked)["campaignArn"].endswith(":campaign/live")


def test_nothing_is_built_on_a_solution_that_is_being_deleted(world: World) -> None:
    group, api = world.with_clicks(), world.personalize
    first, second = (world.trained(group, "aws-popularity-count", name) for name in ("one", "two"))
    campaign, doomed = world.campaign(first), second.rsplit("/", 1)[0]
    api.update_campaign(campaignArn=campaign, solutionVersionArn=second)
    api.delete_solution(solutionArn=doomed)
    told = refused(api.create_campaign, name="late", solutionVersionArn=second)
    assert told == ("ResourceInUseException", f"The solution {doomed} is being deleted.")
    world.work()
    described = api.describe_campaign(campaignArn=campaign)["campaign"]
    assert (described["status"], described["solutionVersionArn"]) == ("ACTIVE", first)
    assert described["latestCampaignUpdate"]["status"] == "CREATE FAILED"
    assert "was deleted before" in described["latestCampaignUpdate"]["failureReason"]


def test_a_campaign_stays_in_its_dataset_group(world: World) -> None:
    campaign = world.campaign(world.trained(world.with_clicks(), "aws-popularity-count"))
    other = world.group("other")
    dataset = world.dataset(other)
    world.load(dataset, "s3://films/clicks.csv", "again")
    elsewhere = world.trained(other, "aws-popularity-count", "elsewhere")
    code, message = refused(world.personalize.update_campaign, campaignArn=campaign, solutionVersionArn=elsewhere)
    assert code == "InvalidInputException"
    assert "dataset-group/other; the campaign" in message


def test_only_an_active_version_can_be_served(world: World) -> None:
    group = world.with_clicks()
    recipe = "arn:aws:personalize:::recipe/aws-popularity-count"
    solution = world.personalize.create_solution(name="m", datasetGroupArn=group, recipeArn=recipe)["solutionArn"]
    version = world.personalize.create_solution_version(solutionArn=solution)["solutionVersionArn"]
    code, message = refused(world.personalize.create_campaign, name="live", solutionVersionArn=version)
    assert code == "InvalidInputException"
    assert "CREATE PENDING" in message


def test_a_bad_exploration_setting_is_named(world: World) -> None:
    version = world.trained(world.with_clicks(), "aws-popularity-count")
    config = {"itemExplorationConfig": {"explorationWeight": "2", "explorationItemAgeCutOff": "inf", "speed": "1"}}
    told = refused(world.personalize.create_campaign, name="live", solutionVersionArn=version, campaignConfig=config)[1]
    assert "explorationWeight: '2' must be a number from 0 to 1." in told
    assert "explorationItemAgeCutOff: 'inf' must be a number 1 or more." in told
    assert "speed: there is no such setting" in told


def test_a_deleted_campaign_answers_nobody(world: World) -> None:
    campaign = world.campaign(world.trained(world.with_clicks(), "aws-popularity-count"))
    world.runtime.get_recommendations(campaignArn=campaign, userId="u1")
    world.personalize.delete_campaign(campaignArn=campaign)
    world.work()
    assert refused(world.runtime.get_recommendations, campaignArn=campaign, userId="u1")[0] == (
        "ResourceNotFoundException"
    )
