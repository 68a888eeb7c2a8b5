"""Makes the ONNX models from labelled images: splits, training, calibration, evaluation, cards."""
