// A page that was opened from disk may start no worker: there, the search works in a hidden frame of the page.
if (location.protocol === "file:") {
  window.Worker = class {
    constructor(address) {
      this.frame = document.createElement("iframe");
      this.frame.hidden = true;
      this.frame.srcdoc = `<script src="${address}"></script>`;
      this.ready = new Promise((done) => this.frame.addEventListener("load", done));
      this.ready.then(() => {
        this.frame.contentWindow.postMessage = (data) => this.onmessage?.({ data: structuredClone(data) });
      });
      document.body.append(this.frame);
    }

    postMessage(data) {
      this.ready.then(() => this.frame.contentWindow?.dispatchEvent(new MessageEvent("message", { data: structuredClone(data) })));
    }

    terminate() {
      this.frame.remove();
    }
  };
}
