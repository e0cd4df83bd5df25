"""SenseGen for TensorFlow: synthetic sensor data from a mixture density LSTM, exported as SavedModels."""

__version__ = "0.1.0"
