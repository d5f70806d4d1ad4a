"""zhike 知客: a customer-service desk that its owner keeps."""

__version__ = "0.1.0"
