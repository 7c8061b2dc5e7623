/** Return what is wrong with a card: cut off, or hard to read or to see (WCAG AA). */
(card) => {
  const luminance = (color) => {
    const [red, green, blue] = color
      .match(/[\d.]+/g)
      .slice(0, 3)
      .map((part) => part / 255)
      .map((part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  };
  const contrast = (one, other) => {
    const [dark, light] = [luminance(one), luminance(other)].sort((a, b) => a - b);
    return (light + 0.05) / (dark + 0.05);
  };
  const canvas = new OffscreenCanvas(1, 1).getContext("2d");
  /** Return what is seen of a color, whatever its notation, on a background. */
  const seen = (color, background, opacity = 1) => {
    for (const [fillStyle, globalAlpha] of [[background, 1], [color, opacity]]) {
      Object.assign(canvas, { fillStyle, globalAlpha }).fillRect(0, 0, 1, 1);
    }
    return `rgb(${canvas.getImageData(0, 0, 1, 1).data.slice(0, 3).join()})`;
  };
  const frame = card.shadowRoot.querySelector("ha-card");
  const box = frame.getBoundingClientRect();
  const background = getComputedStyle(frame).backgroundColor;
  const problems = [];
  if (frame.scrollWidth > frame.clientWidth) problems.push("the card scrolls sideways");
  const walker = document.createTreeWalker(frame, NodeFilter.SHOW_TEXT);
  while (walker.nextNode()) {
    const node = walker.currentNode;
    const parent = node.parentElement;
    if (!parent.checkVisibility() || parent.closest("ha-button, .hidden-text")) continue;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const { left, right } of range.getClientRects()) {
      if (left < box.left || right > box.right) problems.push(`cut off: ${node.data}`);
    }
    const style = getComputedStyle(parent);
    if (style.textOverflow === "ellipsis") problems.push(`may be cut off: ${node.data}`);
    const ratio = contrast(style.color, background);
    if (ratio < 4.5) problems.push(`contrast of ${ratio.toFixed(1)}: ${node.data}`);
  }
  const graphics = [
    ...[...frame.querySelectorAll("ha-icon")].map((icon) => [icon, "color"]),
    ...[...frame.querySelectorAll(".status-bar > :not(.unrecorded)")].map(
      (segment) => [segment, "backgroundColor"],
    ),
  ];
  for (const [element, property] of graphics) {
    if (!element.checkVisibility()) continue;
    const style = getComputedStyle(element);
    const color = seen(style[property], background, Number(style.opacity));
    const ratio = contrast(color, background);
    const name = `${element.localName} ${element.className}`;
    if (ratio < 3) problems.push(`contrast of ${ratio.toFixed(1)}: ${name}`);
  }
  return problems;
}
