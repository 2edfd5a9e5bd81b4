from enamel_lib import dense, simulate
from enamel_lib.dense import sensitivity


def test_what_a_reading_hangs_on_is_near_the_truth_in_place_and_size():
    model, section = dense.load(), simulate.section((300, 400), seed=77, depth=0.4)
    table = dense.follow_sensitivity(model, [section])
    assert table.loc[0, "read"] > max(0.7, table.loc[0, "shown"] + 0.1)
    read, true = sensitivity.sensitivity(model, section.rgb), sensitivity.true_sensitivity(section)
    assert read.shape == (75, 100)
    assert 0.8 < read.mean() / true.mean() < 1.25
