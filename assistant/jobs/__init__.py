"""Background work: jobs that outlive the face that started them. The host runs each in a process of its own."""
