/**
 * Return all texts inside an element, and what is wrong with how they are shown.
 *
 * A text is cut off, sticks out of its box, covers another one, or is missing. What ends
 * with an ellipsis by design, or is for screen readers only, may be cut off.
 */
(root) => {
  const TOLERANCE = 1;
  const NAMED = "a, button, ha-button, h2, h3, dt, dd, label, summary, .mark";
  const texts = new Set();
  const problems = new Set();
  const boxes = [];

  /** Return whether an element is in one of our cards. */
  const isOurs = (element) =>
    element.getRootNode().host?.localName.startsWith("vesper-");

  /** Return the element that an element is laid out in. */
  const parentOf = (element) =>
    element.assignedSlot ?? element.parentElement ?? element.getRootNode().host;

  /** Return the texts of an element, also in shadow roots. */
  const textOf = (node) =>
    node.nodeType === Node.TEXT_NODE
      ? node.data.trim()
      : [node.shadowRoot, node]
          .flatMap((part) => [...(part?.childNodes ?? [])])
          .filter(({ nodeName }) => !["STYLE", "SCRIPT"].includes(nodeName))
          .map(textOf)
          .join("");

  /** Find a box that is too narrow or too low for the rectangle of a text. */
  const checkFit = (text, element, rect) => {
    if (rect.left < -TOLERANCE || rect.right > innerWidth + TOLERANCE) {
      problems.add(`outside of the page: ${text}`);
    }
    for (let box = element; box && box !== document.body; box = parentOf(box)) {
      const style = getComputedStyle(box);
      if (style.textOverflow === "ellipsis" && style.overflowX !== "visible") return;
      if (["inline", "contents"].includes(style.display)) continue;
      const { left, right, top, bottom } = box.getBoundingClientRect();
      if (rect.left < left - TOLERANCE || rect.right > right + TOLERANCE) {
        problems.add(`wider than ${box.localName}.${box.className}: ${text}`);
      }
      const isCut = ["hidden", "clip"].includes(style.overflowY);
      if (isCut && (rect.top < top - 3 || rect.bottom > bottom + 3)) {
        problems.add(`higher than ${box.localName}.${box.className}: ${text}`);
      }
      if (box === root) return;
    }
  };

  const checkText = (node) => {
    const text = node.data.trim();
    let element = node.parentElement ?? node.getRootNode().host;
    // The text of a slot that is empty, for example.
    while (getComputedStyle(element).display === "contents")
      element = parentOf(element);
    const visible = { opacityProperty: true, visibilityProperty: true };
    if (!text || !element.checkVisibility(visible)) return;
    texts.add(text);
    if (element.closest(".hidden-text")) return;
    const range = document.createRange();
    range.selectNodeContents(node);
    for (const rect of range.getClientRects()) {
      if (!rect.width) continue;
      checkFit(text, element, rect);
      // The lines of a text are higher than their letters.
      const margin = rect.height / 4;
      boxes.push({
        node,
        text,
        left: rect.left + TOLERANCE,
        right: rect.right - TOLERANCE,
        top: rect.top + margin,
        bottom: rect.bottom - margin,
      });
    }
  };

  const visit = (node) => {
    if (node.nodeType === Node.TEXT_NODE) checkText(node);
    if (node.nodeType !== Node.ELEMENT_NODE) return;
    if (["STYLE", "SCRIPT"].includes(node.nodeName)) return;
    const isVisible = node.checkVisibility();
    if (!isVisible && getComputedStyle(node).display !== "contents") return;
    for (const name of ["aria-label", "title", "placeholder"]) {
      if (node.getAttribute(name)) texts.add(node.getAttribute(name));
    }
    const label = node.getAttribute("aria-label") ?? node.getAttribute("title");
    if (isOurs(node) && node.matches(NAMED) && !textOf(node) && !label) {
      problems.add(`without a text: ${node.localName}.${node.className}`);
    }
    for (const part of [node.shadowRoot, node]) part?.childNodes.forEach(visit);
  };

  visit(root);
  boxes.forEach((one, index) => {
    for (const other of boxes.slice(index + 1)) {
      if (one.node === other.node) continue;
      const width = Math.min(one.right, other.right) - Math.max(one.left, other.left);
      const height = Math.min(one.bottom, other.bottom) - Math.max(one.top, other.top);
      if (width > 0 && height > 0) problems.add(`covers ${other.text}: ${one.text}`);
    }
  });
  const { scrollWidth } = document.scrollingElement;
  if (scrollWidth > innerWidth) problems.add(`the page is ${scrollWidth} px wide`);
  return { texts: [...texts], problems: [...problems] };
}
