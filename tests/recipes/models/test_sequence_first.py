from openpersonalize.recipes.models.sequence import Sequence
from openpersonalize.recipes.models.sequence_first import FirstSequence


def test_documented_defaults_leave_the_choice_to_the_data() -> None:
    assert FirstSequence().sequence() == Sequence(length_percentiles=(0.0, 0.99))


def test_chosen_parameters_keep_their_meaning() -> None:
    chosen = FirstSequence(hidden_dimension=32, bptt=2, recency_mask=False, threads=3, budget_seconds=7.0).sequence()
    assert (chosen.width, chosen.window, chosen.apply_recency_bias) == (32, 20, False)
    assert (chosen.threads, chosen.budget_seconds) == (3, 7.0)
