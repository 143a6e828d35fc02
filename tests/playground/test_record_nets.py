"""The weights of each run that the playground's page has, as a file of its own: in Node, without a browser."""

from __future__ import annotations

import base64
import json
import subprocess
from pathlib import Path

import numpy as np
import safetensors.numpy
from tests.node import node

from cnnlab.one_script import one_script

WEB = Path(__file__).parents[2] / "src" / "cnnlab" / "playground" / "web"

#: Runs of one net, one after the other, each with a weight of its own; the last one is at hand and went on since.
NETS = """
const begun = { net: "mlp", steps: 1, changes: [], taught: [], test_openings: [] };
const runs = [1, 2, 3].map((of) => ({ ...begun, of, epochs: [{ epoch: 1, validation_accuracy: of / 10 }] }));
const settings = { optimizer: "adam" };
const weights = ({ of }) => ({ numbers: Float32Array.of(of), step: 1, passes: 1, settings, taught: [] });
const planned = { net: "mlp", layers: [], options: {}, counters: [], tensors: [{ name: "a", at: 0, shape: [1] }] };
const logbook = { runs, weights, planned: () => planned, of: () => runs[2] };
const numbers = Float32Array.of(3.5);
const trainer = { steps: 2, epochs: 1, snapshot: async () => ({ step: 2, numbers }) };
const learning = { content: { record: { version: "1", data: { record: {} } } }, settings, numbers, trainer };
const nets = new record_nets_js.RecordNets(learning, logbook);
const found = { named: runs.map((run) => nets.nameOf(run)), written: await nets.written(), files: [] };
for (const run of runs) found.files.push(Buffer.from(await nets.fileOf(run)).toString("base64"));
process.stdout.write(JSON.stringify(found));"""


def test_runs_of_one_name_have_files_of_their_own_with_the_weights_that_the_record_has() -> None:
    script = one_script(WEB, "record_nets.js") + NETS
    done = subprocess.run([node(), "--input-type=module"], input=script.encode(), capture_output=True, timeout=60)
    assert done.returncode == 0, done.stderr.decode()[-1000:]
    found = json.loads(done.stdout)
    assert found["named"] == ["mlp-run-1.safetensors", "mlp-run-2.safetensors", "mlp.safetensors"]
    values = [safetensors.numpy.load(base64.b64decode(file))["a"] for file in found["files"]]
    assert np.concatenate(values).tolist() == [1, 2, 3.5]
    of_record = {net["file"]: (net["run"], net["epoch"], net["base64"]) for net in found["written"]}
    assert of_record == {
        name: (place, None if place == 2 else 1, file)
        for place, (name, file) in enumerate(zip(found["named"], found["files"], strict=True))
    }
