"""A PyTorch module becomes a version; in a process of its own, since PyTorch and TensorFlow do not get along in one."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from tests.support.server import Server

pytestmark = pytest.mark.e2e

PROGRAM = """
import json, sys
import numpy as np, torch
from sklearn.datasets import load_digits
from seaway import export

rows, digits = load_digits(return_X_y=True)
images, labels = rows.reshape(-1, 1, 8, 8).astype("float32") / 16, torch.from_numpy(digits)
torch.manual_seed(1)
layers = torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Dropout(), torch.nn.Linear(144, 10)
model = torch.nn.Sequential(*layers)
optimizer = torch.optim.Adam(model.parameters(), 0.01)
for _ in range(20):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(torch.from_numpy(images)), labels).backward()
    optimizer.step()
saved = export.save(model, sys.argv[1], examples={"image": images[:20]}, data=images)
was_training = model.training
with torch.no_grad():
    answers = model.eval()(torch.from_numpy(images[500:520])).numpy()
answers = {"inputs": images[500:520].tolist(), "answers": answers.tolist()}
print(json.dumps(answers | {"was_training": was_training, "records": saved.proof.records}))
"""


@pytest.mark.skipif(find_spec("torch") is None, reason="PyTorch is not installed: its adapter is not tried")
def test_a_trained_module_of_pytorch_is_served_with_its_own_answers(
    start: Callable[..., Server], tmp_path: Path
) -> None:
    command = [sys.executable, "-c", PROGRAM, str(tmp_path / "net")]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=150)
    assert done.returncode == 0, done.stderr[-2000:]
    told = json.loads(done.stdout.splitlines()[-1])
    assert told["was_training"]
    assert told["records"] == 9
    server = start({"net": tmp_path / "net"})
    answer = server.post("/v1/models/net:predict", {"inputs": {"image": told["inputs"]}})
    np.testing.assert_allclose(answer.json["outputs"], told["answers"], rtol=1e-3, atol=1e-4)
    assert server.listing()["net"][1]["proof"] == "9 recorded answers came out the same"
