"""What localvault is measured against, each as strong as its own documentation lets it be."""
