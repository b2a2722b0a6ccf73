"""The dependencies' known vulnerabilities: `make audit`."""
