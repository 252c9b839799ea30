"""Recipes: what they may say, and how they are refused."""

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from kws_training.augmentation.augment import Augmentation
from kws_training.augmentation.recipe import RecipeError, read_recipe, recipe_names, recipe_schema
from kws_training.data.settings import LARGEST


def write(folder, text):
    path = folder / "own.toml"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_recipes_of_the_package():
    assert recipe_names() == ("heavy", "light", "telephone")
    assert read_recipe("light") == Augmentation()
    heavy, telephone = read_recipe("heavy"), read_recipe("telephone")
    assert heavy.snr == (-5, 30)
    assert heavy.gain[1] - heavy.gain[0] == 40
    for probability in (
        "pitch",
        "rooms",
        "noise",
        "tones",
        "filtering",
        "clipping",
        "telephone",
        "codecs",
        "masks",
    ):
        assert 0 < getattr(heavy, probability) < 1
    assert telephone.telephone == 0.9
    assert len({read_recipe(name).digest() for name in recipe_names()}) == 3


def test_light_names_every_key():
    import tomllib
    from importlib import resources

    text = (resources.files("kws_training.augmentation") / "recipes" / "light.toml").read_text(
        "utf-8"
    )
    names = list(Augmentation().to_dict())
    assert list(tomllib.loads(text)) == names
    assert list(recipe_schema().model_fields) == names


def test_own_recipe_is_light_but_for_what_it_says(tmp_path):
    recipe = read_recipe(write(tmp_path, 'gain = [-30, 10]\nnoise = 1\ncodec_names = ["mp3"]'))
    assert recipe == Augmentation(gain=(-30.0, 10.0), noise=1.0, codec_names=("mp3",))
    assert isinstance(recipe.gain, tuple)
    assert read_recipe(write(tmp_path, "")) == Augmentation()


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("sped = 1", "sped: unknown key: did you mean speed?"),
        ("[room]\nsize = 3", "room: unknown key: did you mean rooms?"),
        ("xyz = 1", "xyz: unknown key: use one of speed, pitch,"),
        ("speed = 2", "speed: 2: should be less than or equal to 0.5"),
        ("noise = -0.1", "noise: -0.1: should be greater than or equal to 0"),
        ("speed = '0.1'", "speed: 0.1: should be a valid number"),
        ("speed = true", "speed: True: should be a valid number"),
        ("speed = nan", "speed: nan: should be a finite number"),
        ("gain = [-inf, 0]", "gain: -inf: should be"),
        ("snr = [5, 1]", "snr: [5, 1]: the first number must not be above the second"),
        ("snr = [1]", "snr: [1]: should be two numbers, [low, high]"),
        ("snr = [1, 2, 3]", "snr: [1, 2, 3]: should be two numbers, [low, high]"),
        ("snr = 3", "snr: 3: should be two numbers, [low, high]"),
        ("absorption = [0, 1]", "absorption: 0: should be greater than or equal to 0.02"),
        ("room_count = 1.5", "room_count: 1.5: should be a valid integer"),
        ("room_count = 1000000", "room_count: 1000000: should be less than or equal to 2000"),
        ("codec_names = ['aac']", "codec_names: aac: should be 'mu-law'"),
        ("codec_names = []", "codec_names: []: should be a list of codecs"),
        ("codec_names = 'mp3'", "codec_names: mp3: should be a list of codecs"),
        ("speed = 0.1\nspeed = 0.2", "is not TOML"),
        ("speed", "is not TOML"),
        ("x = " + "[" * 30000, "is not TOML"),
        ("x = " + "9" * 9000, "is not TOML"),
        ("x = 1\n" * 20000, "is larger than 64 kB"),
        (b"# \xff", "is not UTF-8 text"),
    ],
)
def test_wrong_recipes_are_refused_in_one_line(tmp_path, text, reason):
    path = write(tmp_path, text)
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert str(caught.value).startswith(f"{path}: {reason}")
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < len(str(path)) + 500


def test_what_is_no_file(tmp_path):
    with pytest.raises(RecipeError, match=r"loud: no such recipe: give one of heavy, light"):
        read_recipe("loud")
    with pytest.raises(RecipeError, match="is not a file"):
        read_recipe(tmp_path)
    with pytest.raises(RecipeError, match="is not a file"):
        read_recipe("/dev/zero")
    with pytest.raises(RecipeError, match="cannot be read"):
        read_recipe("a\0b")


def test_a_folder_named_like_a_recipe_is_in_nobodys_way(tmp_path, monkeypatch):
    (tmp_path / "heavy").mkdir()
    monkeypatch.chdir(tmp_path)
    assert read_recipe("heavy").rooms > 0


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@example(b"")
@given(
    st.one_of(
        st.binary(max_size=300),
        st.builds(
            "{} = {}".format,
            st.sampled_from(list(Augmentation().to_dict())),
            st.one_of(st.floats(), st.integers(), st.text(), st.lists(st.floats(), max_size=3)),
        ).map(str.encode),
    )
)
def test_any_bytes_are_a_recipe_or_an_error(tmp_path, content):
    try:
        recipe = read_recipe(write(tmp_path, content))
    except RecipeError as error:
        assert "\n" not in str(error)
    else:
        assert len(recipe.digest()) == 64


def test_largest_recipe(tmp_path):
    assert read_recipe(write(tmp_path, "#" * LARGEST)) == Augmentation()
