#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "server/imaging/metadata.h"

namespace latentd::imaging {
namespace {

std::string XmlText(const std::string& text) {
  return absl::StrReplaceAll(text, {{"&", "&amp;"}, {"<", "&lt;"}, {">", "&gt;"}});
}

}  // namespace

std::string XmpPacket(const std::string& software, const std::string& parameters_json) {
  // ISO 16684-1 (XMP), and IPTC Photo Metadata 2023 for the source type.
  std::string packet =
      "<?xpacket begin=\"\xEF\xBB\xBF\" id=\"W5M0MpCehiHzreSzNTczkc9d\"?>"
      "<x:xmpmeta xmlns:x=\"adobe:ns:meta/\">"
      "<rdf:RDF xmlns:rdf=\"http://www.w3.org/1999/02/22-rdf-syntax-ns#\">"
      "<rdf:Description rdf:about=\"\" xmlns:xmp=\"http://ns.adobe.com/xap/1.0/\""
      " xmlns:Iptc4xmpExt=\"http://iptc.org/std/Iptc4xmpExt/2008-02-29/\""
      " xmlns:latentd=\"https://github.com/latentd/latentd/ns/1.0/\">"
      "<Iptc4xmpExt:DigitalSourceType>"
      "http://cv.iptc.org/newscodes/digitalsourcetype/trainedAlgorithmicMedia"
      "</Iptc4xmpExt:DigitalSourceType>";
  absl::StrAppend(&packet, "<xmp:CreatorTool>", XmlText(software), "</xmp:CreatorTool>");
  if (!parameters_json.empty()) {
    absl::StrAppend(&packet, "<latentd:parameters>", XmlText(parameters_json), "</latentd:parameters>");
  }
  absl::StrAppend(&packet, "</rdf:Description></rdf:RDF></x:xmpmeta><?xpacket end=\"r\"?>");
  return packet;
}

}  // namespace latentd::imaging
