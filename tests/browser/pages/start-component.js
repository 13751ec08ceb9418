componentView(window.ZoomMtgEmbedded);
