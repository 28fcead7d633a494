/** The product's mark: three steps of the Cantor set. */
export function Mark({ size = 26 }: { size?: number }) {
  return (
    <svg width={size} height={size} viewBox="0 0 27 27" aria-hidden style={{ flex: "none" }}>
      <rect width="27" height="27" rx="6" fill="#4353d9" />
      <g fill="#fff">
        <rect x="4.5" y="6" width="18" height="3.6" rx="1" />
        <rect x="4.5" y="11.7" width="6" height="3.6" rx="1" />
        <rect x="16.5" y="11.7" width="6" height="3.6" rx="1" />
        {[4.5, 8.5, 16.5, 20.5].map((x) => (
          <rect key={x} x={x} y="17.4" width="2" height="3.6" rx=".6" />
        ))}
      </g>
    </svg>
  );
}
