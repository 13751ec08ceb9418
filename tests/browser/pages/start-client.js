clientView(window.ZoomMtg);
