"""The deployment command against an emulator of AWS, through the real AWS CLI."""
