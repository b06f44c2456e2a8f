"""What programs use of the machine: files that outlive a power cut, files closed to others."""
