"""The page script without Zoom's SDK: hand-written pages in Chromium, one browser and one joinwatch for all."""
