"""What a server would refuse to run, or would answer differently every time."""

from __future__ import annotations

import os

from tensorflow.core.protobuf.saved_model_pb2 import SavedModel

from sensegen_tf.errors import InputError

# Python of the process that exported, and random numbers that come from a state of the process.
_FORBIDDEN = {
    *("PyFunc", "PyFuncStateless", "EagerPyFunc"),
    *("RandomUniform", "RandomUniformInt", "RandomStandardNormal", "TruncatedNormal", "ParameterizedTruncatedNormal"),
    *("RandomShuffle", "RandomGamma", "RandomPoisson", "RandomPoissonV2", "Multinomial", "StatefulRandomBinomial"),
    *("StatefulUniform", "StatefulUniformInt", "StatefulUniformFullInt", "StatefulTruncatedNormal"),
    *("StatefulStandardNormal", "StatefulStandardNormalV2", "RngSkip", "RngReadAndSkip", "NonDeterministicInts"),
}


def check(version: str) -> None:
    """Refuses a SavedModel that calls Python, draws random numbers from a state, or must be compiled.

    Args:
      version: its folder.

    Raises:
      InputError: it does; the operations are named.
    """
    with open(os.path.join(version, "saved_model.pb"), "rb") as file:
        (meta_graph,) = SavedModel.FromString(file.read()).meta_graphs
    library = meta_graph.graph_def.library.function
    nodes = [*meta_graph.graph_def.node, *(node for function in library for node in function.node_def)]
    found = {node.op for node in nodes} & _FORBIDDEN
    found |= {function.signature.name for function in library if function.attr["_XlaMustCompile"].b}
    if found:
        raise InputError(f"the SavedModel at {version} holds what a server refuses: {', '.join(sorted(found))}")
