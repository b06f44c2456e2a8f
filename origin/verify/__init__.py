"""Verification of packaged trees and published titles."""
