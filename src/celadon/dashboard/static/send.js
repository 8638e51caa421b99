// Sends the page's form by itself: without scripts there is its button.
document.forms[0].submit();
