"""Mail and SMS to visitors who left, and their answers back."""
