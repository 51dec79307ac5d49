// Pictures side by side, each with its caption above and boxes outlined on it. Styles come from Python.

class Gallery {
  constructor(label, { styles, columns }) {
    this.styles = styles;
    this.columns = columns;
    this.tiles = [];
    this.pictures = [];
    this.canvas = new Canvas(label, (...place) => this.draw(...place));
    this.spots = []; // where each picture lies on the canvas: [x, y, scale]
    tellUnderPointer(this.canvas.node, (x, y) => this.spots.flatMap(([left, top, scale], place) => this.tiles[place].outlines
      .filter((one) => one[5] && within((x - left) / scale, (y - top) / scale, one)).map((one) => one[5])).join(", "));
    this.node = element("div", { class: "tk-gallery" }, this.canvas.node);
  }
  show(tiles, buffers) {
    this.tiles = tiles;
    this.shape(tiles);
    if (buffers?.length === tiles.length) this.pictures = tiles.map((tile, place) => this.picture(tile.size, buffers[place]));
    this.canvas.node.dataset.tiles = tiles.length;
    this.canvas.node.dataset.outlines = tiles.reduce((sum, tile) => sum + tile.outlines.length, 0);
    this.canvas.paint();
  }
  tell(words) {
    this.canvas.node.setAttribute("aria-label", words);
  }
  picture([height, width], buffer) {
    const bytes = new Uint8ClampedArray(buffer.buffer, buffer.byteOffset, buffer.byteLength);
    const canvas = Object.assign(document.createElement("canvas"), { width, height });
    canvas.getContext("2d").putImageData(new ImageData(new Uint8ClampedArray(bytes), width, height), 0, 0);
    return canvas;
  }
  // As high as the pictures of a full page need it at this width; a page with fewer keeps the place.
  shape(tiles) {
    this.most = Math.max(this.most ?? 0, tiles.length);
    if (!tiles.length) return;
    const [tall, wide] = tiles[0].size, columns = Math.min(this.columns, this.most), rows = Math.ceil(this.most / columns);
    this.node.style.aspectRatio = `${columns * wide} / ${rows * (tall + 0.1 * wide)}`;
  }
  layout(width, height, caption) {
    const [tall, wide] = this.tiles[0].size, count = this.tiles.length;
    let best = { scale: 0, columns: 1, rows: 1 };
    for (let columns = 1; columns <= count; columns += 1) {
      const rows = Math.ceil(count / columns);
      const scale = Math.min((width - 10 * (columns - 1)) / columns / wide, (height - rows * caption - 6 * (rows - 1)) / rows / tall);
      if (scale > best.scale) best = { scale, columns, rows };
    }
    return best;
  }
  draw(pen, width, height, size) {
    if (!this.tiles.length) {
      pen.font = `${size}px system-ui, sans-serif`;
      pen.fillStyle = COLOURS.ink;
      pen.fillText("nothing of this kind", size, size * 2);
      return;
    }
    const caption = size * 1.5, { scale, columns, rows } = this.layout(width, height, caption);
    this.spots = [];
    this.tiles.forEach((tile, place) => {
      const [tall, wide] = tile.size.map((side) => side * scale);
      const [stepY, stepX] = this.tiles[0].size.map((side) => side * scale);
      const x = (width - columns * (stepX + 10) + 10) / 2 + (place % columns) * (stepX + 10);
      const y = (height - rows * (stepY + caption + 6) + 6) / 2 + Math.floor(place / columns) * (stepY + caption + 6);
      pen.save();
      pen.translate(Math.round(x), Math.round(y));
      pen.font = `${size}px system-ui, sans-serif`;
      pen.fillStyle = COLOURS.ink;
      pen.textBaseline = "alphabetic";
      pen.textAlign = "left";
      pen.fillText(fitted(pen, tile.caption, wide), 0, size * 1.05);
      pen.translate(0, caption);
      this.spots[place] = [Math.round(x), Math.round(y) + caption, scale];
      pen.beginPath();
      pen.rect(0, 0, wide, tall);
      pen.clip();
      pen.imageSmoothingEnabled = scale < 1.5;
      if (this.pictures[place]) pen.drawImage(this.pictures[place], 0, 0, wide, tall);
      const last = (one) => (one[6] ? 1 : 0);
      for (const one of [...tile.outlines].sort((a, b) => last(a) - last(b))) this.outline(pen, one, scale);
      const places = new NamePlaces(wide, tall);
      for (const [x1, y1, x2, y2, name, label, strong] of tile.outlines) {
        if (label && strong) places.write(pen, [label, label.replace(/ \d?\.\d.*$/, "")], [x1, y1, x2, y2].map((side) => side * scale), size * 0.86,
          { paper: "#ffffff", edge: this.styles[name].colour });
      }
      pen.restore();
    });
  }
  outline(pen, [x1, y1, x2, y2, name, , strong], scale) {
    const style = this.styles[name], fine = Math.min(1, Math.max(0.6, scale / 1.4)), thick = (strong ? 3 : 1.5) * fine;
    const sides = [x1 * scale, y1 * scale, (x2 - x1) * scale, (y2 - y1) * scale];
    pen.setLineDash([]);
    pen.strokeStyle = "rgba(0,0,0,.5)";
    pen.lineWidth = thick + 2 * fine;
    pen.strokeRect(...sides);
    pen.setLineDash(style.dash);
    pen.strokeStyle = style.colour;
    pen.lineWidth = thick;
    pen.strokeRect(...sides);
    pen.setLineDash([]);
  }
  close() {
    this.canvas.close();
    this.pictures = [];
  }
}

// What the outlines mean: a line of each style beside its name.
function styleKey(styles) {
  const rows = Object.entries(styles).map(([name, { colour, dash }]) => element("li", {},
    swatchOf(colour, dash), element("span", {}, name)));
  return element("ul", { class: "tk-key" }, ...rows);
}

function swatchOf(colour, dash) {
  const canvas = element("canvas", { class: "tk-swatch", width: 56, height: 20, "aria-hidden": "true" });
  const pen = canvas.getContext("2d");
  for (const [stroke, width, pattern] of [["rgba(0,0,0,.6)", 9, []], [colour, 5, dash.map((part) => part * 1.4)]]) {
    pen.strokeStyle = stroke;
    pen.lineWidth = width;
    pen.setLineDash(pattern);
    pen.beginPath();
    pen.moveTo(2, 10);
    pen.lineTo(54, 10);
    pen.stroke();
  }
  return canvas;
}
