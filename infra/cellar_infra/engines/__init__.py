"""Tests of the store against engines that others wrote, through a proxy that can misbehave as DynamoDB may."""
