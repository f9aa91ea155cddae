"""The champion as one ONNX file with its preprocessing, for devices that have onnxruntime and nothing else."""
