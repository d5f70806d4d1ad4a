"""The ways in and out other than the web page: one folder per channel, none imports another."""
