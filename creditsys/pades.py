"""PAdES signatures by pyHanko. Importing it takes half a second: see ``pdf_signing``."""

import asyncio
import io
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509 import Certificate
from pyhanko.keys.internal import translate_pyca_cryptography_cert_to_asn1
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.sign.fields import MDPPerm, SigSeedSubFilter
from pyhanko.sign.signers import PdfSignatureMetadata, PdfSigner, Signer
from pyhanko.sign.signers.pdf_cms import PdfCMSSignedAttributes
from pyhanko_certvalidator.registry import SimpleCertificateStore

_DIGEST: Final = "sha256"


class _Signer(Signer):
    """Signs by a key that is in memory: pyHanko's own unpacks it for each signature, which for RSA takes longest."""

    def __init__(
        self,
        private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
        certificate: Certificate,
        chain: Iterable[Certificate],
    ) -> None:
        own, *others = map(translate_pyca_cryptography_cert_to_asn1, (certificate, *chain))
        embedded = SimpleCertificateStore.from_certs(others)  # type: ignore[no-untyped-call]
        super().__init__(signing_cert=own, cert_registry=embedded)
        self._private = private

    async def async_sign_raw(self, data: bytes, digest_algorithm: str, dry_run: bool = False) -> bytes:
        if isinstance(self._private, rsa.RSAPrivateKey):
            return self._private.sign(data, padding.PKCS1v15(), SHA256())
        return self._private.sign(data, ec.ECDSA(SHA256()))


def certified(
    content: bytes,
    private: rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey,
    certificate: Certificate,
    chain: Iterable[Certificate],
    *,
    at: datetime,
    reason: str,
) -> bytes:
    """The document with an invisible signature over all of it, of level B-B, that allows no change after it."""
    terms = PdfSignatureMetadata(
        field_name="Signature1",
        md_algorithm=_DIGEST,
        subfilter=SigSeedSubFilter.PADES,
        reason=reason,
        certify=True,
        docmdp_permissions=MDPPerm.NO_CHANGES,
    )
    signer = PdfSigner(terms, signer=_Signer(private, certificate, chain))
    # In a thread of its own, as a loop may run in this one.
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, _signed(content, signer, at)).result()


async def _signed(content: bytes, signer: PdfSigner, at: datetime) -> bytes:
    """What ``PdfSigner.sign_pdf`` does, at a time that is given."""
    session = signer.init_signing_session(IncrementalPdfFileWriter(io.BytesIO(content)))
    session.system_time = at
    room = await session.estimate_signature_container_size(None)
    document = session.prepare_tbs_document(None, room)
    out = io.BytesIO()
    prepared, _ = document.digest_tbs_document(output=out)
    await document.perform_signature(
        document_digest=prepared.document_digest, pdf_cms_signed_attrs=PdfCMSSignedAttributes(signing_time=at)
    )
    return out.getvalue()
