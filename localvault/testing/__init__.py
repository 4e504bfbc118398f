"""For the tests of programs that embed localvault, and of engines that stand in for its parts."""
