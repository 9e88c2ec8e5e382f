"""A real training by Lightning, with curvature along it."""

import importlib.util

import pytest
import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import landscape
from landscape.store import read_rows


@pytest.mark.filterwarnings("ignore:.*LeafSpec.*:FutureWarning")  # Lightning's own use of torch's pytrees
def test_training_by_lightning_is_as_without_the_callback(tmp_path):
    if importlib.util.find_spec("lightning") is None:
        pytest.skip("lightning is not installed")
    from landscape.integrations.lightning_callback import CurvatureCallback

    x = torch.randn(24, 4, generator=torch.Generator().manual_seed(0))
    y = (x[:, 0] > 0).long() + (x[:, 1] > 0)
    model = trained(x, y, [CurvatureCallback(tmp_path, (x, y), "cross_entropy", every=2)])
    for name, value in trained(x, y, []).state_dict().items():
        assert torch.equal(value, model.state_dict()[name]), name
    rows = read_rows(tmp_path / "history.jsonl")
    assert [(row["epoch"], row["step"], row["reason"]) for row in rows] == [(2, 6, ""), (4, 12, "")]
    measured = landscape.measure(model.network, "cross_entropy", (x, y))
    for name, found in rows[-1]["measurements"].items():
        assert found["converged"]
        assert found["value"] == pytest.approx(measured[name].value, rel=1e-6)
    assert rows[0]["train_loss"] > rows[1]["train_loss"]


def trained(x, y, callbacks):
    """Train a network with BatchNorm and dropout for four epochs of three shuffled batches."""
    import lightning.pytorch

    class Classifier(lightning.pytorch.LightningModule):
        def __init__(self):
            super().__init__()
            hidden = nn.Sequential(nn.Linear(4, 6), nn.BatchNorm1d(6), nn.ReLU(), nn.Dropout(0.1))
            self.network = nn.Sequential(hidden, nn.Linear(6, 3))

        def forward(self, inputs):
            return self.network(inputs)

        def training_step(self, batch, index):
            loss = nn.functional.cross_entropy(self(batch[0]), batch[1])
            self.log("loss", loss)
            return loss

        def configure_optimizers(self):
            return torch.optim.Adam(self.parameters(), 1e-2)

    torch.manual_seed(0)
    model = Classifier()
    trainer = lightning.pytorch.Trainer(
        max_epochs=4,
        accelerator="cpu",
        logger=False,
        enable_checkpointing=False,
        enable_progress_bar=False,
        enable_model_summary=False,
        callbacks=callbacks,
    )
    trainer.fit(model, DataLoader(TensorDataset(x, y), 8, shuffle=True))
    return model
