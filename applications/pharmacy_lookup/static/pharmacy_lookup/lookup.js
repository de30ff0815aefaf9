// What the search gains by a script: one's own position, and the map. Without it, all else works.
"use strict";
(() => {
  const asked = (place) => `${place.lng.toFixed(5)},${place.lat.toFixed(5)}`;

  // Near me: the position goes into the address of the search, and nowhere else.
  function locate(button, told) {
    const words = button.dataset;
    const failed = (error) => {
      button.disabled = false;
      told.textContent = error && error.code === 1 ? words.refused : words.failed;
    };
    const found = ({ coords }) => {
      told.textContent = words.found;
      location.assign(words.locate + asked({ lng: coords.longitude, lat: coords.latitude }));
    };
    button.disabled = true;
    told.textContent = words.asking;
    if (!navigator.geolocation) return failed();
    navigator.geolocation.getCurrentPosition(found, failed, { enableHighAccuracy: true, timeout: 10000, maximumAge: 60000 });
  }
  for (const button of document.querySelectorAll("[data-locate]")) {
    const told = document.querySelector("[data-located]");
    button.parentElement.hidden = false;
    button.addEventListener("click", () => locate(button, told));
    // Come back to by the browser's own button: as if nothing had been asked.
    addEventListener("pageshow", () => { button.disabled = false; told.textContent = ""; });
  }

  // The map is an extra for the list: fetched once it comes into view, drawn from the list itself.
  const box = document.getElementById("map");
  if (!box) return;
  box.closest("section").hidden = false;
  const seen = new IntersectionObserver((entries) => {
    if (!entries.some((entry) => entry.isIntersecting)) return;
    seen.disconnect();
    const style = document.createElement("link");
    style.rel = "stylesheet";
    style.href = box.dataset.style;
    const script = document.createElement("script");
    script.src = box.dataset.script;
    let waiting = 2;
    for (const part of [style, script]) {
      part.addEventListener("load", () => { if (!--waiting) draw(); });
      part.addEventListener("error", () => { box.closest("section").hidden = true; });
      document.head.append(part);
    }
  }, { rootMargin: "200px" });
  addEventListener("load", () => seen.observe(box));

  const point = (text) => text.split(",").map(Number).reverse();

  function label(map, at, style, node, options = {}) {
    const icon = L.divIcon({ className: style, html: node, iconSize: [0, 0] });
    return L.marker(at, { icon, keyboard: false, interactive: false, ...options }).addTo(map);
  }

  function text(words, style = "") {
    const node = document.createElement("span");
    node.textContent = words;
    node.className = style;
    return node;
  }

  function draw() {
    const { tiles, credit, tap, centre, rings, here, zoomIn, zoomOut } = box.dataset;
    const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
    box.replaceChildren();
    // One finger scrolls the page, two move the map; the wheel scrolls the page.
    const map = L.map(box, {
      attributionControl: false, zoomControl: false, scrollWheelZoom: false, doubleClickZoom: false,
      dragging: !matchMedia("(pointer: coarse)").matches, zoomSnap: 0.25, zoomAnimation: !still, fadeAnimation: !still,
    });
    L.control.zoom({ zoomInTitle: zoomIn, zoomOutTitle: zoomOut }).addTo(map);
    L.control.scale({ imperial: false }).addTo(map);
    if (tiles) {
      L.control.attribution({ prefix: false }).addTo(map);
      L.tileLayer(tiles, { attribution: credit, maxZoom: 18 }).addTo(map);
    }
    // What the map shows is in the list, with names and links.
    map.getPane("markerPane").setAttribute("aria-hidden", "true");
    map.getPane("overlayPane").setAttribute("aria-hidden", "true");

    const places = [...document.querySelectorAll("[data-at]")];
    const bounds = L.latLngBounds(places.map((one) => point(one.dataset.at)));
    const middle = centre && L.latLng(point(centre));
    const circles = middle ? rings.split("|").map((each) => each.split(":")) : [];
    if (middle) bounds.extend(middle);
    // Where the list goes on, its first page is looked at closely; else all that was searched.
    if (!document.querySelector("[rel=next]")) for (const [metres] of circles) bounds.extend(middle.toBounds(2 * metres));
    if (bounds.isValid()) map.fitBounds(bounds, { paddingTopLeft: [72, 32], paddingBottomRight: [40, 32], maxZoom: 17, animate: false });
    else map.setView([30, 120.58], 9);

    for (const [metres, words] of circles) {
      L.circle(middle, { radius: Number(metres), interactive: false, className: "pl-ring" }).addTo(map);
      label(map, [middle.toBounds(2 * metres).getNorth(), middle.lng], "pl-ring-name", text(words));
    }
    if (middle) label(map, middle, "pl-here", text("")).getElement().title = here;
    places.forEach((one) => pin(map, one));

    const go = (place) => location.assign(tap + asked(place.wrap()));
    map.on("click", (event) => go(event.latlng));
    document.querySelector("[data-middle]").addEventListener("click", () => go(map.getCenter()));
  }

  // A pin has the grade's shape and letter, and the number that the list has; or a name.
  function pin(map, one) {
    const grade = one.querySelector(".cs-grade");
    const number = [...one.parentElement.children].indexOf(one) + 1;
    const node = text(grade ? "" : one.textContent, grade ? grade.className : "pl-place");
    if (grade) node.append(grade.querySelector("svg").cloneNode(true), String(number));
    const mark = label(map, point(one.dataset.at), "pl-pin", node, { interactive: true, zIndexOffset: -10 * number });
    mark.on("click", () => location.assign(one.id ? `#${one.id}` : one.href));
    const drawn = mark.getElement();
    for (const [begins, on] of [["pointerenter", true], ["focusin", true], ["pointerleave", false], ["focusout", false]]) {
      one.addEventListener(begins, () => drawn.classList.toggle("pl-on", on));
    }
  }
})();
