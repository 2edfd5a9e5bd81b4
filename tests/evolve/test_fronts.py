import numpy as np
import pytest

from enamel_lib import pic
from enamel_lib.errors import ModelError
from enamel_lib.evolve import fronts


def standing(cos2):
    """A picture of crystals at that cos^2 of the angle to the surface normal."""
    axis = np.array([np.sqrt(1 - cos2), 0, np.sqrt(cos2)])
    return np.broadcast_to(pic.encode(pic.to_polarization_frame(axis)), (8, 8, 3))


def test_a_crystal_is_stiffest_along_its_axis():
    """The full tensor, turned: stress along a direction, strain along the same."""
    c = fronts.STIFFNESS_GPA
    stiffness = np.zeros((6, 6))
    stiffness[:3, :3] = [[c["11"], c["12"], c["13"]], [c["12"], c["11"], c["13"]], [c["13"], c["13"], c["33"]]]
    stiffness[3, 3] = stiffness[4, 4] = c["44"]
    stiffness[5, 5] = (c["11"] - c["12"]) / 2
    for cos2 in (0.0, 0.3, 1.0):
        x, z = np.sqrt(1 - cos2), np.sqrt(cos2)
        strain = np.linalg.solve(stiffness, [x * x, 0, z * z, 0, x * z, 0])  # by a unit stress along (x, 0, z)
        along = x * x * strain[0] + z * z * strain[2] + x * z * strain[4]
        assert fronts.compliance_along(cos2) == pytest.approx(along)
    assert 1 / fronts.compliance_along(1.0) > 1 / fronts.compliance_along(0.0) > 1 / fronts.compliance_along(0.3)


def test_a_picture_is_as_compliant_as_its_crystals_are_in_the_mean():
    lying, upright = standing(0.0), standing(1.0)
    alone = fronts.young_modulus(np.stack([lying, upright]))
    together = fronts.young_modulus(np.concatenate([lying, upright])[None])
    assert 1 / together[0] == pytest.approx(np.mean(1 / alone))


def world():
    """A generator of flat pictures that stand as the first number of their code says, in steps, so that many share a
    modulus; whose hardness is the second.
    """
    seen = {}

    def generate(codes):
        cos2 = np.clip(codes[:, 0] / 4 + 0.5, 0, 1).round(1)
        pictures = np.stack([standing(each) for each in cos2])
        seen["hardness"] = 4 + np.tanh(codes[:, 1])
        return pictures

    return generate, lambda pictures: seen["hardness"]


def test_none_on_the_front_is_beaten_in_both(tmp_path):
    generate, evaluate = world()
    record = tmp_path / "front.npz"
    of = {"latent_dim": 6, "evaluations": 300, "record": record}
    front = fronts.hard_and_compliant(generate, evaluate, **of)
    assert len(front.tried) == 300
    assert len(front.hardness) >= 2
    assert (np.diff(front.modulus) > 0).all()
    assert (np.diff(front.hardness) > 0).all()
    hardness, modulus = front.tried.T
    for hard, stiff in zip(front.hardness, front.modulus, strict=True):
        assert not ((hardness > hard + 1e-5) & (modulus < stiff - 1e-3)).any()
    again = fronts.hard_and_compliant(None, None, **of)
    np.testing.assert_array_equal(again.codes, front.codes)
    with pytest.raises(ModelError, match="another seed"):
        fronts.hard_and_compliant(generate, evaluate, **of, seed=1)
