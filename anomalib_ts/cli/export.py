"""`anomalib-ts export`: a model for where neither torch nor this package is installed."""

from __future__ import annotations

from pathlib import Path

from anomalib_ts.cli.plant_words import command_parser, say

EXAMPLES = """\
example:
  anomalib-ts export pump.ats --to onnx     writes pump.onnx, with the threshold of alarms

examples/score_onnx.py scores a CSV file with it; it needs numpy and onnxruntime only.
"""


def export(arguments: list[str]) -> int:
    """Run the command; the exit status."""
    about = "Write a model as a graph that other programs can run."
    parser = command_parser("export", about, EXAMPLES)
    parser.add_argument("model", metavar="MODEL")
    parser.add_argument("--to", choices=("onnx",), default="onnx", help="the kind of graph (onnx)")
    parser.add_argument("-o", "--output", metavar="FILE", help="of the graph (MODEL.onnx)")
    options = parser.parse_args(arguments)
    from anomalib_ts.deploy.export import export_onnx  # noqa: PLC0415
    from anomalib_ts.deploy.model import PlantModel  # noqa: PLC0415

    model = PlantModel.load(options.model)
    path = options.output or Path(options.model).with_suffix(".onnx")
    written = export_onnx(model.detector, path, model.rule.threshold)
    say([f"{written}: {type(model.detector).__name__}, threshold {model.rule.threshold:.6g}"])
    return 0
