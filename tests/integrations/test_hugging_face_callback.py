"""A real training by Hugging Face's Trainer, with curvature along it."""

import importlib.util

import pytest
import torch

import landscape
from landscape.store import read_rows


def test_training_by_hugging_face_is_as_without_the_callback(tmp_path):
    if any(importlib.util.find_spec(name) is None for name in ("transformers", "accelerate")):
        pytest.skip("transformers or accelerate is not installed")
    from landscape.integrations.hugging_face_callback import CurvatureCallback, own_loss

    ids = torch.randint(17, (12, 8), generator=torch.Generator().manual_seed(1))
    batches = [{"input_ids": ids, "labels": ids}]
    model = trained(ids, tmp_path, [CurvatureCallback(tmp_path, batches, every=2)])
    for name, value in trained(ids, tmp_path, []).state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name
    rows = read_rows(tmp_path / "history.jsonl")
    assert [(row["epoch"], row["step"], row["reason"]) for row in rows] == [(2, 6, ""), (4, 12, "")]
    measured = landscape.measure(model, own_loss, batches)
    for name, found in rows[-1]["measurements"].items():
        assert found["converged"]
        assert found["value"] == pytest.approx(measured[name].value, rel=1e-6)
    assert rows[0]["train_loss"] > rows[1]["train_loss"]


def trained(ids, folder, callbacks):
    """Train a language model with dropout for four epochs of three shuffled batches."""
    import transformers

    torch.manual_seed(0)
    sizes = {"vocab_size": 17, "n_positions": 8, "n_embd": 8, "n_layer": 1, "n_head": 2}
    model = transformers.GPT2LMHeadModel(transformers.GPT2Config(**sizes, bos_token_id=0, eos_token_id=0))
    arguments = transformers.TrainingArguments(
        output_dir=str(folder / "trainer"),
        num_train_epochs=4,
        per_device_train_batch_size=4,
        learning_rate=1e-2,
        report_to=[],
        save_strategy="no",
        logging_strategy="no",
        use_cpu=True,
        disable_tqdm=True,
    )
    rows = [{"input_ids": row, "labels": row} for row in ids]
    transformers.Trainer(model=model, args=arguments, train_dataset=rows, callbacks=callbacks).train()
    return model
